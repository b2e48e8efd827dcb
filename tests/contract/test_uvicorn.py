"""uvicorn under the server contract, over h11 with asyncio's loop and over httptools with uvloop."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
from typing import Any, ClassVar, Collection, Iterator, Optional, Sequence

import pytest
from uvicorn.config import WS_PROTOCOLS

from tests.contract.lasting import LastingContract
from tests.contract.running import Stage, stage, until
from tests.contract.server import ServerContract
from tests.contract.streams import EventsContract

COMMAND = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", "--timeout-keep-alive", "7")
APP = "tests.contract.apps.asgi:application"


@pytest.mark.slow
class TestH11(ServerContract):
    """The pure Python protocol on asyncio's own loop."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--http", "h11", "--loop", "asyncio", APP)
    keepalive: ClassVar[Optional[float]] = 7.0


class TestHttptools(ServerContract):
    """What ``uvicorn[standard]`` chooses."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--http", "httptools", "--loop", "uvloop", APP)
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
class TestWorkers(ServerContract):
    """Two workers that begin with an interpreter of their own."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--workers", "2", APP)
    keepalive: ClassVar[Optional[float]] = 7.0
    workers: ClassVar[int] = 2
    ends: ClassVar[Sequence[int]] = (signal.SIGINT,)


@pytest.mark.slow
class TestServer:
    """What only uvicorn does."""

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage for one process."""
        with stage((*COMMAND, APP)) as made:
            yield made

    def test_an_end_without_a_signal_leaves_the_registry(self, on: Stage) -> None:
        running = on.start("--limit-max-requests", "2")
        on.registered(running)
        running.get("/")
        running.get("/")
        assert running.exit_code() == 0
        assert on.records() == ()

    @pytest.mark.parametrize("implementation", ["websockets", "websockets-sansio", "wsproto"])
    def test_a_websocket_has_the_colour_of_its_handshake(self, on: Stage, implementation: str) -> None:
        library = implementation.partition("-")[0]
        if implementation not in WS_PROTOCOLS or importlib.util.find_spec(library) is None:
            pytest.skip("not installed here: " + implementation)
        running = on.start("--ws", implementation)
        handshake = {
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "baggage": "lane=gray",
        }  # fmt: skip
        with contextlib.closing(running.connect()) as connection:
            lines = ["GET /ws HTTP/1.1", "Host: web", *map("%s: %s".__mod__, handshake.items()), "", ""]
            connection.sock.sendall("\r\n".join(lines).encode())
            data = b""
            while b"gray" not in data:
                block = connection.sock.recv(65536)
                assert block, running.said()
                data += block
        assert data.startswith(b"HTTP/1.1 101")
        assert b"\x81\x09lane=gray" in data  # one text frame

    def test_workers_that_are_spawned_register_once(self, on: Stage) -> None:
        running = on.start("--workers", "2")
        on.registered(running)
        until(lambda: len(list((on.folder / "state").glob("*.sock"))) == 2, running.said)
        assert len(on.records()) == 1
        running.kill(signal.SIGTERM)
        assert running.exit_code() == 0
        assert on.records() == ()


def websockets(implementation: str) -> Any:
    """A mark for what needs one of uvicorn's implementations of WebSockets."""
    there = implementation in WS_PROTOCOLS and importlib.util.find_spec(implementation.partition("-")[0]) is not None
    return pytest.mark.skipif(not there, reason="not installed here: " + implementation)


class Lasting(LastingContract):
    """As uvicorn closes them all at its end."""

    codes: ClassVar[Collection[int]] = (1012,)
    seen: ClassVar[Collection[str]] = ("1012",)


@pytest.mark.slow
@websockets("websockets")
class TestLastingWebsockets(Lasting):
    """The implementation over the `websockets` library."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--ws", "websockets", APP)


@pytest.mark.slow
@websockets("websockets-sansio")
class TestLastingSansio(Lasting):
    """The one over its part without I/O."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--ws", "websockets-sansio", "--loop", "asyncio", APP)


@websockets("wsproto")
class TestLastingWsproto(Lasting):
    """The one over `wsproto`."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--ws", "wsproto", APP)


@pytest.mark.slow
@websockets("wsproto")
class TestLastingWorkers(Lasting):
    """Workers that begin with an interpreter of their own, which get no signal of the drain."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--ws", "wsproto", "--workers", "2", APP)


@pytest.mark.slow
class TestEventsH11(EventsContract):
    """Server-sent events over the pure Python protocol."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--http", "h11", "--loop", "asyncio", APP)
    seen: ClassVar[Collection[str]] = ("http.disconnect",)


class TestEventsHttptools(EventsContract):
    """The same over httptools."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--http", "httptools", "--loop", "uvloop", APP)
    seen: ClassVar[Collection[str]] = ("http.disconnect",)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("starlette") is None, reason="not installed here: starlette")
class TestEventsStarlette(EventsContract):
    """The streaming response of Starlette, which FastAPI has too: a task of its own waits for the client's end."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "tests.contract.apps.starlette_app:application")
    seen: ClassVar[Collection[str]] = ("cancelled",)
