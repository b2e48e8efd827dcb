"""aiohttp.web under the server contract: `run_app`, which has signal handlers, and a runner without any."""

from __future__ import annotations

import inspect
import signal
from typing import ClassVar, Collection, Iterator, Optional, Sequence

import aiohttp
import pytest
from aiohttp.web_protocol import RequestHandler

from meshrun.boot import versions
from tests.contract.lasting import LastingContract
from tests.contract.running import Stage, stage
from tests.contract.server import ServerContract
from tests.contract.streams import EventsContract

RELEASE = versions.release(aiohttp.__version__)
COMMAND = ("-m", "tests.contract.apps.aio")


class TestRunApp(ServerContract):
    """The usual way."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "run_app")
    keepalive: ClassVar[Optional[float]] = 75.0


@pytest.mark.slow
class TestRunner(ServerContract):
    """The app runs the loop and leaves its signals to the interpreter."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "runner")
    keepalive: ClassVar[Optional[float]] = inspect.signature(RequestHandler).parameters["keepalive_timeout"].default


@pytest.mark.slow
class TestLasting(LastingContract):
    """As its documentation closes them, from outside of the handler."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "run_app")
    codes: ClassVar[Collection[int]] = (1001,) if RELEASE >= (3, 9) else (1001, 1000)  # by the handler's own end
    seen: ClassVar[Collection[str]] = ("closed", "open")


class TestEvents(EventsContract):
    """Its handler's next write fails; one that says nothing is cancelled with the loop, after aiohttp's own time."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "run_app", "1")
    seen: ClassVar[Collection[str]] = ("reset", "cancelled")


class TestApp:
    """What apps do on their own."""

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage for any of them."""
        with stage(COMMAND) as made:
            yield made

    def test_an_own_handler_that_leaves_by_os_exit_runs_after_the_drain(self, on: Stage) -> None:
        running = on.start("own")
        on.registered(running)
        held = running.hold("last")
        running.kill(signal.SIGTERM)
        assert running.get("/").status == 200
        assert "own handler" not in running.said()
        running.open("last")
        assert held.getresponse().read() == b"-"
        held.close()
        assert running.exit_code() == 7
        assert "own handler" in running.said()
        assert on.records() == ()

    def test_an_end_by_sys_exit_leaves_the_registry(self, on: Stage) -> None:
        running = on.start("ends")
        on.registered(running)
        running.open("end")
        assert running.exit_code() == 5
        assert on.records() == ()
