"""uvicorn under the server contract, over h11 with asyncio's loop and over httptools with uvloop."""

from __future__ import annotations

from typing import ClassVar, Iterator, Optional, Sequence

import pytest

from tests.contract.running import Stage, stage, until
from tests.contract.server import ServerContract

COMMAND = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", "--timeout-keep-alive", "7")
APP = "tests.contract.apps.asgi:application"


class TestH11(ServerContract):
    """The pure Python protocol on asyncio's own loop."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--http", "h11", "--loop", "asyncio", APP)
    keepalive: ClassVar[Optional[float]] = 7.0


class TestHttptools(ServerContract):
    """What ``uvicorn[standard]`` chooses."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--http", "httptools", "--loop", "uvloop", APP)
    keepalive: ClassVar[Optional[float]] = 7.0


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

    def test_workers_that_are_spawned_register_once(self, on: Stage) -> None:
        running = on.start("--workers", "2")
        on.registered(running)
        until(lambda: len(list((on.folder / "state").glob("*.sock"))) == 2, running.said)
        assert len(on.records()) == 1
