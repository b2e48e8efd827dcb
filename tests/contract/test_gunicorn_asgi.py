"""gunicorn's own ASGI worker under the server contract, on uvloop and on asyncio's loop."""

from __future__ import annotations

import contextlib
import signal
from typing import ClassVar, Collection, Iterator, Optional, Sequence

import pytest

from tests.contract.lasting import LastingContract
from tests.contract.running import MAJOR, NO_CONTROL, Stage, answer, stage, until
from tests.contract.server import GRAY, MESH, ServerContract
from tests.contract.streams import EventsContract

if MAJOR < 27:
    pytest.skip("this release has no such worker, or one that has not the seams", allow_module_level=True)

COMMAND = (
    "-m",
    "gunicorn",
    "-b",
    "127.0.0.1:0",
    *NO_CONTROL,
    "-k",
    "asgi",
    "--keep-alive",
    "7",
    "--graceful-timeout",
    "3",
)
"""The master waits for that long for a worker that was signalled while it began, as bare."""
APP = "tests.contract.apps.asgi:application"


@pytest.mark.slow
class TestTwo(ServerContract):
    """Two workers on the loop that is there."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "-w", "2", APP)
    keepalive: ClassVar[Optional[float]] = 7.0
    workers: ClassVar[int] = 2


@pytest.mark.slow
class TestOne(ServerContract):
    """One worker on asyncio's own loop."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--asgi-loop", "asyncio", APP)
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
class TestLasting(LastingContract):
    """WebSockets; the app reads the code that its client sends back."""

    command: ClassVar[Sequence[str]] = (*COMMAND, APP)
    codes: ClassVar[Collection[int]] = (1012,)
    seen: ClassVar[Collection[str]] = ("1012",)


class TestEvents(EventsContract):
    """Server-sent events over HTTP/1, on the loop that is there."""

    command: ClassVar[Sequence[str]] = (*COMMAND, APP)
    seen: ClassVar[Collection[str]] = ("http.disconnect",)


@pytest.mark.slow
class TestWorker:
    """What only this worker does."""

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage for one of them."""
        with stage((*COMMAND, APP)) as made:
            yield made

    def test_a_websocket_has_the_colour_of_its_handshake(self, on: Stage) -> None:
        running = on.start()
        assert b"\x81\x09lane=gray" in running.websocket(GRAY, until=b"gray")  # one text frame

    def test_a_worker_that_began_dormant_is_taken_in_when_the_mode_says_so(self, on: Stage) -> None:
        running = on.start(MODE="dormant")
        assert running.get("/", GRAY).body != "lane=gray"
        assert on.records() == ()
        on.mesh.rules(("Policy/default/all", "kind: Policy\nname: all\nmode: enforce\n"))
        assert on.registered(running).keepalive == 7.0
        assert running.get("/", GRAY).body == "lane=gray"
        with contextlib.closing(running.hold("last")) as held:
            assert "x-meshrun-draining" not in running.get("/", MESH).headers
            running.open("last")
            assert answer(held).status == 200
        running.kill(signal.SIGTERM)
        assert running.exit_code() == 0
        until(lambda: on.records() == ())
