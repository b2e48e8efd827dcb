from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import Any, Callable, Dict, Iterator

import pytest

from meshrun.cli import proc

_SAYS = "print('here', flush=True)\nimport time\ntime.sleep(600)\n"


@contextlib.contextmanager
def program(code: str, environ: Dict[str, str], **more: Any) -> Iterator[int]:
    """A Python that has run the code; its pid."""
    command = [sys.executable, "-c", code + "\n" + _SAYS]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True, **more) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            yield process.pid
        finally:
            process.kill()


def test_a_process_is_seen_as_it_was_started(tmp_path: Any) -> None:
    environ = {"PATH": os.defpath, "EMPTY": "", "SIGN": "a=b"}
    rename = "with open('/proc/self/comm', 'w') as stream:\n    stream.write('a) S 1 (b')"
    with program(rename, environ, cwd=str(tmp_path)) as pid:
        assert proc.words(pid)[:2] == [sys.executable, "-c"]
        assert {name: proc.environ(pid).get(name) for name in environ} == environ
        assert proc.parent(pid) == os.getpid()
        assert proc.folder(pid) == str(tmp_path)
        assert proc.program(pid) == os.path.realpath(sys.executable)
        assert proc.owner(pid) == os.getuid()


def test_of_a_variable_that_stands_twice_the_first_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "_content", lambda _pid, _name: b"A=1\0odd\0A=2\0")
    assert proc.environ(1) == {"A": "1"}


@pytest.mark.parametrize(
    ("groups", "unit"),
    [
        (b"0::/system.slice/web.service\n", "web.service"),
        (b"0::/user.slice/user@0.service/app.slice/web.service/init\n", "web.service"),
        (b"0::/user.slice/user@0.service/session.scope\n", None),
    ],
)
def test_the_unit_is_the_innermost_service(monkeypatch: pytest.MonkeyPatch, groups: bytes, unit: Any) -> None:
    monkeypatch.setattr(proc, "_content", lambda _pid, _name: groups)
    assert proc.unit(1) == unit


@pytest.mark.parametrize(
    ("code", "by_default"),
    [
        ("", True),
        ("import signal; signal.signal(15, lambda *_: None)", False),
        ("import signal; signal.signal(15, signal.SIG_IGN)", False),
        ("import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [15])", False),
        ("import signal; signal.signal(14, lambda *_: None); signal.signal(16, signal.SIG_IGN)", True),
    ],
)
def test_what_a_signal_does_is_the_kernels_unless_it_is_caught_ignored_or_blocked(code: str, by_default: bool) -> None:
    with program(code, {"PATH": os.defpath}) as pid:
        assert proc.by_default(pid, signal.SIGTERM) is by_default


@pytest.mark.parametrize(
    "ask", [proc.words, proc.environ, proc.parent, proc.folder, proc.program, proc.unit, proc.owner]
)
def test_a_process_that_is_gone_is_an_os_error(ask: Callable[[int], object]) -> None:
    with pytest.raises(OSError, match="/proc/999999999"):
        ask(999999999)


def test_a_line_of_the_kernel_that_cannot_be_read_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "_content", lambda _pid, _name: b"1 (name) S")
    with pytest.raises(OSError, match="/proc/1/stat"):
        proc.parent(1)
