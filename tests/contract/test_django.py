"""Django's `runserver` under the server contract, alone and under its reloader."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import time
from typing import Any, ClassVar, Iterator, Optional, Sequence

import pytest

from tests.compat.environments import needed
from tests.contract.mesh import ROOT
from tests.contract.running import LONG, Stage, answer, stage, until
from tests.contract.server import GRAY, ServerContract

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


@pytest.fixture
def on() -> Iterator[Stage]:
    """A stage for one of them."""
    with stage((python(), *COMMAND)) as made:
        yield made


@pytest.mark.parametrize("to", ["root", "group", "child"])
def test_under_the_reloader_its_child_is_the_instance_and_drains(on: Stage, to: str) -> None:
    running = on.start(command=(python(), *COMMAND[:-1], "django.reloader"), pythonpath=PATH)
    record = on.registered(running)
    child = int(running.status()["pid"])
    assert child != running.process.pid
    assert running.get("/", GRAY).body == "lane=gray"
    with contextlib.closing(running.hold("last", GRAY)) as held:
        if to == "child":
            os.kill(child, signal.SIGTERM)
        else:
            running.kill(signal.SIGTERM, group=to == "group")
        until(lambda: [(found.id, found.state) for found in on.records()] == [(record.id, "draining")], running.said)
        running.open("last")
        assert answer(held).body == "lane=gray"
    assert running.exit_code() == 0
    assert on.records() == ()


def test_a_second_signal_to_the_reloader_ends_it_as_bare(on: Stage) -> None:
    on.rule(LONG)
    running = on.start(command=(python(), *COMMAND[:-1], "django.reloader"), pythonpath=PATH)
    on.registered(running)
    running.kill(signal.SIGTERM)
    until(lambda: running.status().get("draining"), running.said)
    time.sleep(0.7)  # sooner it would count as an echo of the first one
    assert running.process.poll() is None
    running.kill(signal.SIGTERM)
    assert running.exit_code() == 0


def test_a_server_that_began_dormant_is_taken_in_when_the_mode_says_so(on: Stage) -> None:
    running = on.start(MODE="dormant")
    assert running.get("/", GRAY).body != "lane=gray"
    assert on.records() == ()
    on.mesh.rules(("Policy/default/all", "kind: Policy\nname: all\nmode: enforce\n"))
    on.registered(running)
    with contextlib.closing(running.hold("last", GRAY)) as held:
        running.kill(signal.SIGTERM)
        until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
        running.open("last")
        assert answer(held).body == "lane=gray"
    assert running.exit_code() == -signal.SIGTERM
    assert on.records() == ()
