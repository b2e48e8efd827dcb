"""Corners of a stop: signals out of step, processes that are killed meanwhile, a program that became another user."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import pytest

from meshrun.cli import vm_machine
from tests.contract.running import LONG, NO_CONTROL, WAITS, Running, Stage, answer, stage, until
from tests.contract.server import GRAY
from tests.contract.stages import draining
from tests.contract.test_granian import python as granian_python

pytestmark = pytest.mark.slow
WSGI, ASGI = "tests.contract.apps.wsgi:application", "tests.contract.apps.asgi:application"
GUNICORN = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "-w", "2", "--threads", "2")
WITH_TWO = {
    "gunicorn": (*GUNICORN, WSGI),
    "uvicorn": ("-m", "uvicorn", "--port", "0", "--workers", "2", ASGI),
    "granian": ("-m", "tests.contract.apps.granian_main", "--interface", "asgi", "--workers", "2", ASGI),
    "hypercorn": ("-m", "hypercorn", "--bind", "127.0.0.1:0", "--workers", "2", ASGI),
}
"""Servers of two workers."""
REPLACED = ("gunicorn", "uvicorn")
"""Those whose root makes a new worker for one that was killed: uvicorn's since 0.30."""
REPLACES = importlib.util.find_spec("uvicorn") is None or hasattr(
    importlib.import_module("uvicorn.supervisors.multiprocess").Multiprocess, "keep_subprocess_alive"
)
USER = 65534
BOUND = "-all,+setuid,+setgid,+chown,+kill,+dac_read_search"
"""What the program may do as root: read everything, for the interpreter may lie where only root looks; it keeps that as
another user, and writes as one that is not root."""
_codes: Dict[Tuple[str, bool], int] = {}


def command(server: str) -> Sequence[str]:
    """Of a server, with an interpreter that has it."""
    if server == "granian":
        return (granian_python(), *WITH_TWO[server])
    if importlib.util.find_spec(server) is None:
        pytest.skip("not installed here: " + server)
    return WITH_TWO[server]


@pytest.fixture
def on(server: str) -> Iterator[Stage]:
    """A stage for one of them."""
    with stage(command(server)) as made:
        yield made


def bare_code(on: Stage, server: str, *, group: bool = False) -> int:
    """How the server alone ends by SIGTERM."""
    if (server, group) not in _codes:
        running = on.start(bare=True)
        running.get("/")
        time.sleep(1.0)  # a worker that the group's signal meets too early loses it, and is waited for
        running.kill(signal.SIGTERM, group=group)
        _codes[server, group] = running.exit_code()
    return _codes[server, group]


def workers(running: Running, other: Sequence[int] = ()) -> List[int]:
    """Wait for two workers that serve, without `other`."""
    found = until(
        lambda: len({*running.status().get("workers", ())} - {*other}) == 2 and running.status()["workers"],
        lambda: "%s %s" % (running.status(), running.said()),
    )
    return [int(pid) for pid in found if pid not in other]


def lives(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for does not."""
    try:
        return Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_end(pids: Sequence[int], running: Running) -> None:
    """None of the processes is left."""
    until(lambda: not any(map(lives, pids)), lambda: "%s %s" % (pids, running.said()))


@pytest.mark.parametrize("server", WITH_TWO)
def test_a_worker_that_is_signalled_shortly_before_its_root_drains_with_it(on: Stage, server: str) -> None:
    code = bare_code(on, server)
    running = on.start()
    on.registered(running)
    two = workers(running)

    def stop() -> None:
        (idle,) = {*two} - {int(running.noted("last.begun") or 0)}  # it would be gone at once
        os.kill(idle, signal.SIGTERM)
        time.sleep(0.3)
        running.kill(signal.SIGTERM)

    with draining(on, running, code, stop):
        time.sleep(1.5)  # one whose root was not signalled would act by now
        assert [pid for pid in two if lives(pid)] == two, running.said()
        assert workers(running) == two
        assert running.get("/", GRAY).body == "lane=gray"
    all_end(two, running)


@pytest.mark.parametrize("server", WITH_TWO)
def test_a_second_signal_to_the_group_ends_the_drain(on: Stage, server: str) -> None:
    on.rule(LONG)
    code = bare_code(on, server, group=True)
    running = on.start()
    on.registered(running)
    two = workers(running)
    running.kill(signal.SIGTERM, group=True)
    until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
    time.sleep(0.7)  # sooner it would count as an echo of the first one
    assert running.process.poll() is None
    running.kill(signal.SIGTERM, group=True)
    assert running.exit_code() == code, running.said()
    assert on.records() == ()
    all_end(two, running)


@pytest.mark.parametrize("server", REPLACED)
@pytest.mark.parametrize("group", [False, True], ids=["root", "group"])
def test_a_worker_that_is_killed_during_the_drain_is_replaced_and_the_drain_ends(
    on: Stage, server: str, group: bool
) -> None:
    if server == "uvicorn" and not REPLACES:
        pytest.skip("this release does not")
    code = bare_code(on, server, group=group)
    running = on.start()
    on.registered(running)
    two = workers(running)
    with contextlib.closing(running.hold("last", GRAY)) as held:
        running.kill(signal.SIGTERM, group=group)
        until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
        (idle,) = {*two} - {int(running.noted("last.begun") or 0)}
        os.kill(idle, signal.SIGKILL)
        all_end([idle], running)
        three = {*two, *workers(running, [idle])}
        assert len(three) == 3
        assert running.get("/").status == 200
        running.open("last")
        assert answer(held).body == "lane=gray"
    assert running.exit_code() == code, running.said()
    assert on.records() == ()
    all_end([*three], running)


@pytest.mark.parametrize("server", REPLACED)
def test_a_worker_that_is_killed_with_its_request_is_not_waited_for(on: Stage, server: str) -> None:
    on.rule(WAITS)
    code = bare_code(on, server)
    running = on.start()
    on.registered(running)
    two = workers(running)
    with contextlib.closing(running.hold("never", GRAY)):
        running.kill(signal.SIGTERM)
        until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
        os.kill(int(running.noted("never.begun") or 0), signal.SIGKILL)
        assert running.exit_code() == code, running.said()
    assert on.records() == ()
    all_end(two, running)


@pytest.mark.parametrize("server", WITH_TWO)
def test_workers_end_when_their_root_is_killed_during_the_drain(on: Stage, server: str) -> None:
    on.rule(LONG)
    running = on.start()
    on.registered(running)
    two = workers(running)
    running.kill(signal.SIGTERM, group=True)
    until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
    running.kill(signal.SIGKILL)
    all_end(two, running)


@pytest.mark.parametrize("server", ["waitress", "werkzeug"])
def test_the_worker_of_a_pool_that_is_terminated_in_a_long_call_into_c_ends_at_once(server: str) -> None:
    pytest.importorskip(server)
    with stage(("-m", "tests.contract.apps.serve", server)) as on:
        running = on.start()
        on.registered(running)
        assert running.get("/pool").body == str(-signal.SIGTERM)
        assert [record.state for record in on.records()] == ["ready"]
        running.kill(signal.SIGTERM)
        assert running.exit_code() == -signal.SIGTERM


def as_root(*server: str) -> Sequence[str]:
    """The command of a server that begins as root and becomes another user."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() or setpriv is None:
        pytest.skip("only root, with setpriv, can become another user")
    held = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--securebits=+no_setuid_fixup"]
    return (setpriv, *held, "--bounding-set=" + BOUND, "--groups=%d" % USER, sys.executable, *server)


BECOMES = {
    "gunicorn": (*GUNICORN, "--user", str(USER), "--group", str(USER), WSGI),
    "uvicorn": ("-m", "tests.contract.apps.becomes", str(USER)),
}
"""A master that stays root while its workers become another user; a root that does so, and then spawns workers."""


class Place(Stage):
    """A stage where the program becomes another user."""

    def start_as(self, state: Optional[str], *, bare: bool = False) -> Running:
        """Start it; `state`: whose the state folder of the setting is, ``root`` or ``user``."""
        folder = self.folder / "state"
        if state == "root":  # what the other user takes instead is looked at in its place
            own = self.folder / "user"
            own.mkdir()
            (own / "meshrun").mkdir(mode=0o700)
            for path in (own, own / "meshrun"):
                os.chown(path, USER, USER)
            folder.symlink_to(own / "meshrun")
            folder = self.folder / "roots"
        elif not folder.exists():
            folder.mkdir(mode=0o700)
            os.chown(folder, USER, USER)
        running = self.start(bare=bare, STATE_DIR=str(folder), xdg_runtime_dir=str(self.folder / "user"))
        running.gates.chmod(0o777)
        return running


@pytest.fixture
def place(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A stage whose store is the other user's too."""
    monkeypatch.setattr(vm_machine, "group_id", lambda root: USER)
    with stage(as_root(*BECOMES[server])) as made:
        made.folder.chmod(0o755)
        for step in vm_machine.store_steps(str(made.folder / "store"), ""):
            step.do()
        other = Place(made.folder, made.mesh, made.command)
        other.running = made.running
        yield other


def becomes_code(place: Place, *, group: bool) -> int:
    """How the program alone ends by SIGTERM."""
    running = place.start_as("user", bare=True)
    running.get("/")
    time.sleep(1.0)  # as above
    running.kill(signal.SIGTERM, group=group)
    return running.exit_code()


@pytest.mark.parametrize("group", [False, True], ids=["root", "group"])
@pytest.mark.parametrize(("server", "state"), [("gunicorn", "root"), ("gunicorn", "user"), ("uvicorn", "user")])
def test_a_program_that_became_another_user_registers_and_drains(
    place: Place, server: str, state: str, group: bool
) -> None:
    code = becomes_code(place, group=group)
    if state == "root":
        shutil.rmtree(str(place.folder / "state"))
    running = place.start_as(state)
    place.registered(running)
    two = workers(running)
    assert {Path("/proc/%d" % pid).stat().st_uid for pid in two} == {USER}
    with draining(place, running, code, lambda: running.kill(signal.SIGTERM, group=group)):
        assert running.get("/", GRAY).body == "lane=gray"
    all_end(two, running)


@pytest.mark.parametrize("server", BECOMES)
def test_a_store_that_the_other_user_may_not_write_is_said_once_and_costs_no_request(place: Place, server: str) -> None:
    code = becomes_code(place, group=True)
    for path in (place.folder / "store", *(place.folder / "store").rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    running = place.start_as("user")
    workers(running)
    until(lambda: "meshrun: registration: " in running.said(), running.said)
    assert running.get("/", GRAY).body == "lane=gray"
    time.sleep(2.5)  # it is tried again every second
    assert running.said().count("meshrun: registration: ") == 1
    assert place.records() == ()
    running.kill(signal.SIGTERM, group=True)
    assert running.exit_code() == code, running.said()
