"""Django's `runserver` under the server contract, alone and under its reloader."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, ClassVar, Collection, Iterator, Optional, Sequence

import pytest

from tests.compat.environments import needed
from tests.contract.mesh import ROOT
from tests.contract.running import LONG, Running, Stage, stage
from tests.contract.server import ServerContract
from tests.contract.stages import drains, reloaded_child_drains, second_signal_ends, taken_in
from tests.contract.streams import EventsContract

COMMAND = ("-m", "tests.contract.apps.serve", "django")
PATH = "%s:%s" % (ROOT / "sitecustomize", ROOT)
"""Old releases start the child by the path of the program's file."""


def python() -> str:
    """An interpreter that has Django."""
    if importlib.util.find_spec("django") is not None:
        return sys.executable
    return needed("django", sys.executable, ["django>=2.2,<7", "pyyaml", "wrapt"])


@pytest.fixture(scope="class", autouse=True)
def django(request: Any) -> None:
    """Let the commands of a class begin with that interpreter."""
    if request.cls is not None:
        request.cls.command = (python(), *request.cls.command)


class TestRunserver(ServerContract):
    """A thread for each connection, which it keeps."""

    command: ClassVar[Sequence[str]] = COMMAND
    keepalive: ClassVar[Optional[float]] = None


class TestEvents(EventsContract):
    """HTTP/1.1 without chunks."""

    command: ClassVar[Sequence[str]] = COMMAND
    seen: ClassVar[Collection[str]] = ("closed",)
    idles: ClassVar[bool] = False


@pytest.fixture
def on() -> Iterator[Stage]:
    """A stage for one of them."""
    with stage((python(), *COMMAND)) as made:
        yield made


def reloader(on: Stage) -> Running:
    """A server under its reloader."""
    return on.start(command=(python(), *COMMAND[:-1], "django.reloader"), pythonpath=PATH)


@pytest.mark.parametrize("to", ["root", "group", "child"])
def test_under_the_reloader_its_child_is_the_instance_and_drains(on: Stage, to: str) -> None:
    reloaded_child_drains(on, reloader(on), to)


def test_a_second_signal_to_the_reloader_ends_it_as_bare(on: Stage) -> None:
    on.rule(LONG)
    second_signal_ends(on, reloader(on), 0)


def test_a_server_that_began_dormant_is_taken_in_when_the_mode_says_so(on: Stage) -> None:
    running = on.start(MODE="dormant")
    taken_in(on, running)
    drains(on, running)
