"""What the contracts of long connections share: a server whose drain lasts as long as one of them is in flight."""

from __future__ import annotations

import signal
from typing import Any, ClassVar, Collection, Iterator, List, Sequence

import pytest

from tests.contract.running import WAITS, Running, Stage, stage, until


class PartingContract:
    """A stage, what a test opens there, and what the application saw of its end."""

    command: ClassVar[Sequence[str]]  # as in `ServerContract`
    seen: ClassVar[Collection[str]]  # what the application sees at the end

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage of this test."""
        with stage(self.command) as made:
            made.rule(WAITS)
            yield made

    @pytest.fixture
    def opened(self) -> Iterator[List[Any]]:
        """What a test opens."""
        found: List[Any] = []
        yield found
        for one in found:
            one.close()

    def bare_code(self, on: Stage) -> int:
        """The exit code of the server alone."""
        running = on.start(bare=True)
        running.get("/")
        running.kill(signal.SIGTERM)
        return running.exit_code()

    def told(self, running: Running, one: Any) -> str:
        """What the application saw at the end of one of them."""
        return str(until(lambda: running.noted(one.name), running.said))
