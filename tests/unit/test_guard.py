"""The one guard: reported once, counted, answered with the default."""

from __future__ import annotations

import asyncio
import io
from typing import Optional

import pytest

from meshrun import _guard


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "errors", {})


def test_a_failure_is_said_once_and_counted_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    @_guard.guarded(default=7, where="here")
    def fails(value: int) -> int:
        return value // 0

    assert [fails(1), fails(2), fails(value=3)] == [7, 7, 7]
    assert capsys.readouterr() == ("", "meshrun: here: ZeroDivisionError: integer division or modulo by zero\n")
    assert _guard.errors == {"here": 3}


def test_what_succeeds_passes_through() -> None:
    @_guard.guarded()
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    assert add(2, b=3) == 5
    assert (add.__name__, add.__doc__, add.__module__) == ("add", "Add.", __name__)
    assert _guard.errors == {}


def test_a_coroutine_is_guarded_while_it_runs() -> None:
    @_guard.guarded(default="untouched", where="async")
    async def fails() -> str:
        await asyncio.sleep(0)
        raise OSError("no")

    assert asyncio.run(fails()) == "untouched"
    assert _guard.errors == {"async": 1}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_is_not_an_error_of_ours_goes_through(error: type[BaseException]) -> None:
    @_guard.guarded()
    def interrupted() -> None:
        raise error

    if issubclass(error, Exception):  # asyncio.CancelledError before Python 3.8
        return
    with pytest.raises(error):
        interrupted()
    assert _guard.errors == {}


class _Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError("disk full")


@pytest.mark.parametrize("stream", [None, _Broken()])
def test_a_stderr_that_cannot_be_written_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, stream: Optional[io.StringIO]
) -> None:
    monkeypatch.setattr("sys.stderr", stream)

    _guard.report("there", "what happened")

    assert _guard.errors == {"there": 1}


def test_a_report_is_one_short_line(capsys: pytest.CaptureFixture[str]) -> None:
    _guard.report("there", ValueError("first\nsecond\r\n" + "x" * 10000))

    err = capsys.readouterr().err
    assert err.startswith("meshrun: there: ValueError: first second xxx")
    assert err.count("\n") == 1
    assert len(err) < 600
