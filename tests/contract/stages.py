"""What several servers do alike beside the server contract; each function is given the server that a test started."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Callable, Iterator, Optional

from meshrun.core.model import Instance
from tests.contract.running import Running, Stage, answer, until
from tests.contract.server import GRAY


@contextlib.contextmanager
def draining(
    on: Stage, running: Running, code: int = -signal.SIGTERM, stop: Optional[Callable[[], object]] = None
) -> Iterator[None]:
    """Stop an instance that has a coloured request in flight; the body runs while it drains.

    After it that request is answered, the server ends with `code`, and its record is gone. `stop` sends the signal, by
    default SIGTERM to the root.
    """
    record = on.registered(running)
    with contextlib.closing(running.hold("last", GRAY)) as held:
        if stop is None:
            running.kill(signal.SIGTERM)
        else:
            stop()
        until(lambda: [(found.id, found.state) for found in on.records()] == [(record.id, "draining")], running.said)
        yield
        running.open("last")
        reply = answer(held)
        assert (reply.status, reply.body) == (200, "lane=gray")
    assert running.exit_code() == code, running.said()
    assert on.records() == ()


def drains(
    on: Stage, running: Running, code: int = -signal.SIGTERM, stop: Optional[Callable[[], object]] = None
) -> None:
    """As `draining`, with nothing to look at meanwhile."""
    with draining(on, running, code, stop):
        pass


def taken_in(on: Stage, running: Running) -> Instance:
    """The record of a server that began dormant: it has none, and sees no colour, until the mode is switched."""
    assert running.get("/", GRAY).body != "lane=gray"
    assert on.records() == ()
    on.mesh.rules(("Policy/default/all", "kind: Policy\nname: all\nmode: enforce\n"))
    return on.registered(running)


def leaves(on: Stage, running: Running) -> None:
    """A server that has ended is no instance any more, while its program runs on."""
    until(lambda: not on.records(), running.said)
    until(lambda: running.status().get("reason") == "stopped" or running.ended(), running.said)
    assert running.process.poll() is None


def ends_by_itself(on: Stage, running: Running) -> None:
    """A server whose program waits for the gates ``end`` and ``exit``: it leaves at the first, and runs on between."""
    on.registered(running)
    running.open("end")
    until(lambda: running.noted("ended") is not None, running.said)
    leaves(on, running)
    running.open("exit")
    assert running.exit_code() == 5, running.said()


def reloaded_child_drains(on: Stage, running: Running, to: str) -> None:
    """The child of a reloader is the instance; the stop goes `to` the ``root``, its ``group`` or the ``child``."""
    on.registered(running)
    child = int(running.status()["pid"])
    assert child != running.process.pid
    assert Path("/proc/%d/stat" % child).read_text().rpartition(")")[2].split()[1] == str(running.process.pid)
    assert running.get("/", GRAY).body == "lane=gray"

    def stop() -> None:
        if to == "child":
            os.kill(child, signal.SIGTERM)
        else:
            running.kill(signal.SIGTERM, group=to == "group")

    drains(on, running, 0, stop)


def second_signal_ends(on: Stage, running: Running, code: int) -> None:
    """A server under a rule whose drain is `LONG`: a second signal ends it with `code`."""
    on.registered(running)
    running.drain()
    time.sleep(0.7)  # sooner it would count as an echo of the first one
    assert running.process.poll() is None
    running.kill(signal.SIGTERM)
    assert running.exit_code() == code, running.said()
