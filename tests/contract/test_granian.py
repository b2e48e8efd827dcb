"""granian under the server contract: a master and forked workers, asgi and wsgi."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import signal
import sys
from typing import Any, ClassVar, Collection, Iterator, List, Optional, Sequence

import pytest

from meshrun.boot import versions
from tests.compat.environments import needed
from tests.contract.lasting import LastingContract
from tests.contract.running import Stage, stage, until
from tests.contract.server import GRAY, ServerContract
from tests.contract.streams import EventsContract

COMMAND = ("-m", "tests.contract.apps.granian_main", "--interface")
ASGI, WSGI = "tests.contract.apps.asgi:application", "tests.contract.apps.wsgi:application"
FIRST = importlib.util.find_spec("granian") is not None and versions.release(importlib.metadata.version("granian")) < (
    2,
    5,
)


def python() -> str:
    """An interpreter that has granian, which is compiled."""
    if sys.version_info < (3, 9):
        pytest.skip("granian needs Python 3.9")
    if importlib.util.find_spec("granian") is not None:
        return sys.executable
    return needed("granian", sys.executable, ["granian>=2,<3", "pyyaml", "wrapt"])


@pytest.fixture(scope="class", autouse=True)
def granian(request: Any) -> None:
    """Let the commands of a class begin with that interpreter."""
    request.cls.command = (python(), *request.cls.command)


@pytest.mark.slow
class TestAsgi(ServerContract):
    """One worker with a loop."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "asgi", ASGI)
    keepalive: ClassVar[Optional[float]] = 30.0


@pytest.mark.slow
class TestWsgi(ServerContract):
    """One worker with threads, and a limit for idle connections of its own."""

    command: ClassVar[Sequence[str]] = (
        *COMMAND, "wsgi", "--blocking-threads", "4", "--http1-header-read-timeout", "7000", WSGI,
    )  # fmt: skip
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
class TestLasting(LastingContract):
    """WebSockets over ASGI; the first releases send no code with a close, whoever asks for it."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "asgi", ASGI)
    codes: ClassVar[Collection[int]] = (0,) if FIRST else (1012,)
    seen: ClassVar[Collection[str]] = ("1012",)


@pytest.mark.slow
@pytest.mark.skipif(FIRST, reason="granian 2.0 by itself does not always end after one request")
class TestEvents(EventsContract):
    """Server-sent events over ASGI; the connections end with the worker, or with their next response."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "asgi", ASGI)
    seen: ClassVar[Collection[str]] = ("http.disconnect",)


@pytest.mark.slow
class TestMaster:
    """What a master does with its workers."""

    command: ClassVar[Sequence[str]] = COMMAND

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage for any of them."""
        with stage(self.command) as made:
            yield made

    def test_two_workers_are_one_instance_and_drain_together(self, on: Stage) -> None:
        running = on.start("asgi", "--workers", "2", ASGI)
        on.registered(running)
        until(lambda: len(running.status().get("workers", ())) == 2, lambda: str(running.status()))
        with contextlib.ExitStack() as held:
            for number in range(4):  # the kernel chooses the worker
                held.enter_context(contextlib.closing(running.hold("gate-%d" % number)))
            running.kill(signal.SIGTERM)
            until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
            assert running.status()["inflight"] == 4
            for number in range(4):
                assert running.process.poll() is None
                running.open("gate-%d" % number)
        assert running.exit_code() == 0
        assert on.records() == ()

    def test_a_reload_replaces_the_worker_under_the_same_registration(self, on: Stage) -> None:
        running = on.start("asgi", "--respawn-interval", "0.1", ASGI)
        record = on.registered(running)
        before = until(lambda: _workers(running))
        running.kill(signal.SIGHUP)
        until(lambda: _workers(running) and not set(_workers(running)) & set(before), running.said)
        assert running.get("/", GRAY).body == "lane=gray"
        assert [(found.id, found.state) for found in on.records()] == [(record.id, "ready")]
        running.kill(signal.SIGTERM)
        assert running.exit_code() == 0
        assert on.records() == ()

    def test_a_websocket_has_the_colour_of_its_handshake(self, on: Stage) -> None:
        running = on.start("asgi", ASGI)
        assert b"\x81\x09lane=gray" in running.websocket(GRAY, until=b"gray")  # one text frame


def _workers(running: Any) -> List[int]:
    return list(running.status().get("workers", ()))
