"""wsgiref's server under the server contract, where its port is named; elsewhere it is only read."""

from __future__ import annotations

import signal
from typing import ClassVar, Collection, Iterator, Optional, Sequence

import pytest

from tests.contract.running import Stage, stage
from tests.contract.server import GRAY, ServerContract
from tests.contract.stages import ends_by_itself
from tests.contract.streams import EventsContract

COMMAND = ("-m", "tests.contract.apps.serve", "wsgiref")


class TestNamed(ServerContract):
    """A thread for each request; HTTP/1.0, so that each connection ends."""

    command: ClassVar[Sequence[str]] = COMMAND
    keepalive: ClassVar[Optional[float]] = None
    persistent: ClassVar[bool] = False


class TestEvents(EventsContract):
    """Each stream ends with its connection."""

    command: ClassVar[Sequence[str]] = COMMAND
    seen: ClassVar[Collection[str]] = ("closed",)
    idles: ClassVar[bool] = False


@pytest.fixture
def on() -> Iterator[Stage]:
    """A stage for one of them."""
    with stage(COMMAND) as made:
        yield made


def test_one_that_nobody_named_is_read_and_no_instance(on: Stage) -> None:
    running = on.start(command=(*COMMAND[:-1], "wsgiref.unnamed"))
    assert running.get("/", GRAY).body == "lane=gray"
    assert running.status()["reason"] == "no hooked server listens"
    running.kill(signal.SIGTERM)
    assert running.exit_code() == -signal.SIGTERM


def test_a_server_that_ends_by_itself_leaves_and_the_program_goes_on(on: Stage) -> None:
    ends_by_itself(on, on.start(command=(*COMMAND[:-1], "wsgiref.ends")))
