"""tornado under the server contract: its loop run by asyncio and by itself, a WSGI app in threads, forked workers."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import sys
from pathlib import Path
from typing import Any, ClassVar, Collection, Iterator, List, Optional, Sequence

import pytest

from tests.compat.environments import needed
from tests.contract.lasting import LastingContract
from tests.contract.running import LONG, Stage, ask, stage, until
from tests.contract.server import GRAY, MESH, ServerContract
from tests.contract.stages import draining, leaves, taken_in
from tests.contract.streams import EventsContract, Source

COMMAND = ("-m", "tests.contract.apps.tornado_app")


def python() -> str:
    """An interpreter that has tornado."""
    if importlib.util.find_spec("tornado") is not None:
        return sys.executable
    return needed("tornado", sys.executable, ["tornado>=6,<7", "pyyaml", "wrapt"])


@pytest.fixture(scope="class", autouse=True)
def tornado(request: Any) -> None:
    """Let the commands of a class begin with that interpreter."""
    request.cls.command = (python(), *request.cls.command)


class TestRun(ServerContract):
    """The app runs asyncio's loop."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "run")
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
class TestLoop(ServerContract):
    """The sockets are added before tornado's own loop runs."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "loop")
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
class TestForked(ServerContract):
    """A parent that waits, and two workers on its sockets."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "fork")
    keepalive: ClassVar[Optional[float]] = 7.0
    workers: ClassVar[int] = 2


@pytest.mark.slow
class TestLasting(LastingContract):
    """WebSockets: the app reads the code that the client sends back, if it does."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "run")
    codes: ClassVar[Collection[int]] = (1012,)
    seen: ClassVar[Collection[str]] = ("1012",)


class TestEvents(EventsContract):
    """Server-sent events: the handler hears of the end, or its next write fails."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "run")
    seen: ClassVar[Collection[str]] = ("gone", "closed")

    def test_a_handler_that_does_not_listen_finds_its_connection_closed(self, on: Stage, opened: List[Source]) -> None:
        running = on.start()
        on.registered(running)
        opened.append(Source(running, "deaf", deaf=1))
        opened[0].begun()
        running.kill(signal.SIGTERM)
        opened[0].ended()
        assert self.told(running, opened[0]) == "closed"
        assert running.exit_code() == -signal.SIGTERM


@pytest.mark.slow
class TestServer:
    """What only tornado does."""

    command: ClassVar[Sequence[str]] = COMMAND

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage for any of them."""
        with stage(self.command) as made:
            yield made

    def test_a_websocket_has_the_colour_of_its_handshake_to_its_end(self, on: Stage) -> None:
        running = on.start("run")
        on.registered(running)
        with contextlib.closing(running.upgrade(GRAY)) as connection:
            data = running.read(connection.sock, b"gray")
            assert data.startswith(b"HTTP/1.1 101")
            assert data.endswith(b"\x81\x09lane=gray")  # one text frame
            until(lambda: running.status().get("inflight") == 1, lambda: str(running.status()))
            connection.sock.sendall(b"\x81\x81\0\0\0\0x")  # a masked text frame
            assert running.read(connection.sock, b"gray") == b"\x81\x0eecho lane=gray"
            running.drain()
        assert running.exit_code() == -signal.SIGTERM
        assert on.records() == ()

    def test_a_handler_whose_client_is_gone_is_waited_for(self, on: Stage) -> None:
        running = on.start("run")
        on.registered(running)
        running.hold("alone", GRAY).close()
        running.drain()
        assert running.get("/").status == 200  # long after the connection is gone
        until(lambda: running.status()["inflight"] == 1, running.said)
        running.open("alone")
        assert running.exit_code() == -signal.SIGTERM
        assert running.noted("alone.ended") == "lane=gray"

    def test_a_wsgi_app_has_the_colour_in_its_threads_and_is_drained(self, on: Stage) -> None:
        on.rule(LONG)
        running = on.start("wsgi")
        assert on.registered(running).keepalive == 7.0
        with contextlib.closing(running.connect()) as connection:
            assert ask(connection, "/stream", GRAY).body.split() == ["lane=gray"] * 3
            assert running.noted("closed") == "lane=gray"
            assert ask(connection, "/stream").body.split() == ["-"] * 3
        running.drain()
        fresh = running.get("/", MESH)
        assert (fresh.headers["connection"], fresh.headers["x-meshrun-draining"]) == ("close", "1")

    def test_a_server_that_the_app_stops_is_waited_for_no_more(self, on: Stage) -> None:
        running = on.start("stops")
        on.registered(running)
        running.open("end")
        leaves(on, running)
        running.open("leave")
        assert running.exit_code() == 0

    def test_a_server_that_began_dormant_is_taken_in_when_the_mode_says_so(self, on: Stage) -> None:
        running = on.start("run", MODE="dormant")
        assert taken_in(on, running).keepalive == 7.0
        assert running.get("/", GRAY).body == "lane=gray"
        with draining(on, running):
            assert running.get("/", MESH).headers["x-meshrun-draining"] == "1"

    def test_forked_workers_are_one_instance_and_none_is_left_after_a_stop_of_all(self, on: Stage) -> None:
        running = on.start("fork")
        on.registered(running)
        workers = until(lambda: len(running.status().get("workers", ())) == 2 and running.status()["workers"])
        with contextlib.ExitStack() as held:
            for number in range(4):  # the kernel chooses the worker
                held.enter_context(contextlib.closing(running.hold("gate-%d" % number)))
            running.kill(signal.SIGTERM, group=True)
            until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
            assert running.status()["inflight"] == 4
            for number in range(4):
                assert running.process.poll() is None
                running.open("gate-%d" % number)
        assert running.exit_code() == -signal.SIGTERM
        assert on.records() == ()
        until(lambda: not any(Path("/proc/%d" % worker).exists() for worker in workers))
        assert "restarting" not in running.said()
