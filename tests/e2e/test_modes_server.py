"""Modes of servers, switched while they run: every worker, the registry, the bytes that they answer with, their end."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import pytest

from meshrun.cli import admin
from meshrun.core.sticky import bucket
from tests.contract.running import NO_CONTROL, until
from tests.contract.servers import Echo
from tests.e2e.modes import no_policy, policy
from tests.e2e.place import APPS, Place, Program, exchange, status_of

COMMANDS = {
    "gunicorn": ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--chdir", str(APPS), "modes_app:wsgi"),
    "uvicorn": ("-m", "uvicorn", "--port", "0", "--app-dir", str(APPS), "--log-level", "error", "modes_app:asgi"),
    "aiohttp": (str(APPS / "modes_app.py"),),
}
SERVERS = {
    "gunicorn, two workers": ("gunicorn", ("-w", "2"), 2),
    "gunicorn, threads": ("gunicorn", ("-k", "gthread", "--threads", "2", "--keep-alive", "0"), 1),
    "uvicorn": ("uvicorn", (), 1),
    "uvicorn, asyncio": ("uvicorn", ("--loop", "asyncio"), 1),
    "uvicorn, two workers": ("uvicorn", ("--workers", "2"), 2),
    "aiohttp": ("aiohttp", (), 1),
}


class Stage(NamedTuple):
    """A server, its mesh, and how many processes of it answer."""

    place: Place
    server: str
    legacy: Echo
    workers: int

    def start(self, **settings: str) -> Program:
        """Start the server."""
        name, more, _ = SERVERS[self.server]
        environ = {"SERVICE": "web", "DRAIN_SECONDS": "0", **settings}
        target = "http://127.0.0.1:%d/" % self.legacy.port
        return self.place.start(*COMMANDS[name], *more, bare=False, target=target, **environ)

    def ask(self, program: Program, path: str) -> str:
        """The body of an answer."""
        return raw(program, path).partition(b"\r\n\r\n")[2].decode()

    def all_modes(self, program: Program, wanted: str) -> None:
        """Wait until each process with an admin socket says that it is in a mode."""

        def modes() -> List[Any]:
            paths = sorted(map(str, self.place.state.glob("*.sock")))
            return [(answer.body or {}).get("mode") for _, answer in admin.ask_all(paths, "GET", "/status")]

        until(lambda: len(modes()) >= self.workers and set(modes()) == {wanted}, lambda: str(modes()) + program.said())

    def all_workers(self, program: Program, wanted: str) -> None:
        """Wait until each worker says that its seams are in, or out."""
        said: Dict[str, str] = {}

        def asked() -> bool:
            pid, _, state = self.ask(program, "/seams").partition(" ")
            said[pid] = state
            return len(said) >= self.workers and set(said.values()) == {wanted}

        until(asked, lambda: str(said) + program.said())


def raw(program: Program, path: str) -> bytes:
    return exchange(program.port(), b"GET %s HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n" % path.encode())


def made(place: Place, server: str) -> Stage:
    legacy = place.mesh.server("legacy")
    place.mesh.service("stock")
    place.mesh.alias("127.0.0.1:%d" % legacy.port, "stock")
    return Stage(place, server, legacy, SERVERS[server][2])


@pytest.fixture(params=SERVERS)
def stage(request: pytest.FixtureRequest, place: Place) -> Stage:
    return made(place, request.param)


@pytest.mark.slow
def test_a_server_goes_dormant_and_comes_back_in_every_worker(stage: Stage) -> None:
    place = stage.place
    program = stage.start()
    (record,) = place.registered(program, "web")
    stage.all_workers(program, "in")
    assert stage.ask(program, "/call") == "stock-0"
    policy(place, "dormant", selector={"service": "web"})
    stage.all_workers(program, "out")
    place.registered(program, "web", 0)
    assert stage.ask(program, "/call") == "legacy"
    assert raw(program, "/plain").endswith(b"plain")
    until(lambda: status_of(place).get("reason") == "dormant")
    no_policy(place)
    stage.all_workers(program, "in")
    (again,) = place.registered(program, "web")
    assert (again.address, again.port) == (record.address, record.port)
    assert stage.ask(program, "/call") == "stock-0"
    ends(stage, program)


@pytest.mark.slow
def test_a_server_that_starts_dormant_wakes_registers_and_sleeps_again(stage: Stage) -> None:
    place = stage.place
    program = stage.start(MODE="dormant")
    stage.all_workers(program, "out")
    assert stage.ask(program, "/call") == "legacy"
    assert place.records("web") == []
    policy(place, "enforce", selector={"service": "web"})
    stage.all_workers(program, "in")
    (record,) = place.registered(program, "web")
    assert record.port == program.port()
    assert stage.ask(program, "/call") == "stock-0"
    no_policy(place)
    stage.all_workers(program, "out")
    place.registered(program, "web", 0)
    policy(place, "enforce", selector={"service": "web"})
    stage.all_workers(program, "in")
    place.registered(program, "web")
    ends(stage, program)


LONG = "kind: Lifecycle\nname: web\nservice: web\ndrain: {seconds: 600, quiet: 600, min: 600}\n"
"""Whoever drains by this rule does not end within the test."""


@pytest.mark.slow
def test_a_dormant_server_holds_no_signal(stage: Stage) -> None:
    """Also where the process that gets the signal has no thread that could hear of the mode, as a gunicorn master."""
    place = stage.place
    place.mesh.rules(("Lifecycle/default/web", LONG))
    program = stage.start(DRAIN_SECONDS="600")
    place.registered(program, "web")
    policy(place, "dormant")
    stage.all_workers(program, "out")
    place.registered(program, "web", 0)
    ends(stage, program)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["enforce", "dormant"])
def test_workers_that_gunicorn_starts_while_it_is_dormant_wake_with_the_rest(place: Place, mode: str) -> None:
    stage = made(place, "gunicorn, two workers")
    program = stage.start(MODE=mode)
    until(lambda: stage.ask(program, "/plain") == "plain", program.said)
    policy(place, "dormant")
    stage.all_workers(program, "out")
    before = stage.ask(program, "/seams").partition(" ")[0]
    program.process.send_signal(signal.SIGHUP)
    until(lambda: not Path("/proc", before).exists(), program.said)
    stage.all_workers(program, "out")
    policy(place, "enforce")
    stage.all_workers(program, "in")
    place.registered(program, "web")
    program.process.send_signal(signal.SIGHUP)
    until(lambda: place.records("web"), program.said)
    ends(stage, program)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["enforce", "dormant"])
@pytest.mark.parametrize("server", ["uvicorn, asyncio", "aiohttp"])
def test_a_server_that_woke_drains_before_it_ends(place: Place, server: str, start: str) -> None:
    """Its handlers were set while nothing of ours was in, or were given back to it meanwhile."""
    place.mesh.rules(("Lifecycle/default/web", LONG))
    stage = made(place, server)
    program = stage.start(MODE=start, DRAIN_SECONDS="600")
    if start == "enforce":
        place.registered(program, "web")
        policy(place, "dormant")
        stage.all_workers(program, "out")
        place.registered(program, "web", 0)
    policy(place, "enforce")
    stage.all_workers(program, "in")
    place.registered(program, "web")
    assert stage.ask(program, "/plain") == "plain"  # the main thread, which sets handlers, has run since
    program.process.terminate()
    until(lambda: [one.state for one in place.records("web")] == ["draining"], program.said)
    assert stage.ask(program, "/plain") == "plain"
    policy(place, "dormant")  # a drain that is under way goes on: nobody is cut off by a change of the mode
    until(lambda: status_of(place).get("mode") == "dormant")
    assert stage.ask(program, "/plain") == "plain"
    assert program.process.poll() is None
    time.sleep(0.6)  # a second signal counts as one after half a second
    ends(stage, program)


@pytest.mark.slow
def test_a_share_takes_an_instance_with_all_of_its_workers(place: Place) -> None:
    """Each is inside or outside of the share as a whole, whatever process answers."""
    stage = made(place, "uvicorn, two workers")
    program = stage.start()
    (record,) = place.registered(program, "web")
    percent = bucket("all", record.id) / 100
    policy(place, "observe", percent=percent)
    stage.all_modes(program, "carry")
    policy(place, "observe", percent=min(100, percent + 0.01))
    stage.all_modes(program, "observe")
    (again,) = place.records("web")
    assert again.id == record.id


def ends(stage: Stage, program: Program) -> None:
    """It ends as it should, and leaves the registry."""
    assert program.ours() == []
    program.process.terminate()
    assert program.process.wait(60) in (0, -15)
    assert stage.place.records("web") == []
