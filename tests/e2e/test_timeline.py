"""The life of an instance in the store, as real servers lead it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import Any, Dict, Iterator, List, Mapping, Sequence

import pytest

from meshrun.cli.timelines import ordered
from meshrun.core.timeline import Calls, Timeline, together
from meshrun.engines import open_engine
from tests.contract.mesh import ROOT
from tests.contract.running import BOUND_SECONDS, NO_CONTROL, QUICK, Running, Stage, answer, stage, until

pytestmark = pytest.mark.slow
COMMANDS: Mapping[str, Sequence[str]] = {
    "gunicorn": (
        "-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "-w", "2", "--threads", "2",
        "tests.contract.apps.wsgi:application",
    ),
    "uvicorn": ("-m", "uvicorn", "--port", "0", "tests.contract.apps.asgi:application"),
    "uvicorn, two workers": ("-m", "uvicorn", "--port", "0", "--workers", "2", "tests.contract.apps.asgi:application"),
    "wsgiref": ("-m", "tests.contract.apps.serve", "wsgiref"),
}  # fmt: skip
RULE = (
    "kind: Lifecycle\nname: web\nservice: web\nprewarm: {requests: 4, paths: [/]}\nwarmup: {seconds: 0.5}\n"
    "drain: {seconds: 30, quiet: 0.2, min: 0}\n"
)
FRONTS: Mapping[str, Sequence[str]] = {
    "gunicorn": (
        "-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "-w", "2", "tests.e2e.apps.front_wsgi:application",
    ),
    "uvicorn": ("-m", "uvicorn", "--port", "0", "tests.e2e.apps.front_asgi:application"),
    "uvicorn, two workers": (
        "-m", "uvicorn", "--port", "0", "--workers", "2", "tests.e2e.apps.front_asgi:application",
    ),
    "werkzeug": ("-m", "tests.e2e.apps.front_plain"),
}  # fmt: skip
"""Servers that call another service; some of them die by the signal that stops them, with nothing at exit."""
CALLER = {"X-Meshrun-Caller": "shop.default"}
THREADS = 4
NONE = {"sent": 0, "answered": 0, "unsent": 0, "cancelled": 0, "failed": 0, "callers": 1}


class Crowd:
    """A client under meshrun that asks from several threads (`apps.crowd`)."""

    def __init__(self, on: Stage, path: str, *words: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MESHRUN_", "PYTHON"))}
        ours = {"ENABLED": "1", "SERVICE": "shop", "STORE": on.mesh.url, "STATE_DIR": str(on.folder / "callers")}
        kept.update({"MESHRUN_" + name: value for name, value in ours.items()}, PYTHONPATH=str(ROOT / "sitecustomize"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.apps.crowd", str(THREADS), "http://web" + path, *words],
            cwd=str(ROOT), env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def summary(self) -> Dict[str, int]:
        """How its requests ended, once they have."""
        assert self.process.stdout is not None
        return {
            name: int(number) for name, _, number in (x.partition("=") for x in self.process.stdout.readline().split())
        }

    def over(self) -> None:
        """Ask nothing more."""
        assert self.process.stdin is not None
        self.process.stdin.write("over\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Wait for its end."""
        assert self.process.wait(BOUND_SECONDS) == 0


@contextlib.contextmanager
def crowd(on: Stage, path: str, *words: str) -> Iterator[Crowd]:
    """The client of one test."""
    made = Crowd(on, path, *words)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()


def shown(on: Stage) -> Mapping[str, Mapping[str, Any]]:
    """What operators are shown, by instance."""
    command = [sys.executable, "-m", "meshrun.cli.main", "status", "--timeline", "-o", "json"]
    environ = dict(os.environ, PYTHONPATH=str(ROOT / "agent"), MESHRUN_STORE=on.mesh.url)
    done = subprocess.run(
        command, env=environ, cwd=str(on.folder), capture_output=True, text=True, check=False, timeout=BOUND_SECONDS
    )
    return {one["instance"]: one for one in json.loads(done.stdout)["timelines"]}


@pytest.fixture(params=COMMANDS)
def on(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with stage(COMMANDS[request.param]) as made:
        made.rule(RULE)
        yield made


@pytest.fixture
def one() -> Iterator[Stage]:
    with stage(COMMANDS["uvicorn"]) as made:
        made.rule(RULE)
        yield made


def lives(on: Stage) -> Sequence[Timeline]:
    """What the store keeps."""
    return open_engine(on.mesh.url).timelines()


def names(on: Stage) -> List[str]:
    """The events of the one instance, as they happened."""
    found = lives(on)
    assert len(found) <= 1
    return [name for life in found for name, _ in ordered(life)]


def ramped(on: Stage, running: Running) -> None:
    """Wait until the start is over."""
    on.registered(running)
    until(lambda: "ramped" in names(on), running.said)


def test_every_event_of_a_whole_life_is_kept_in_its_order(on: Stage) -> None:
    running = on.start()
    ramped(on, running)
    assert names(on) == ["bound", "ready", "prewarmed", "registered", "ramped"]
    held = running.hold("a", CALLER)
    running.kill(signal.SIGTERM)
    until(lambda: "deregistered" in names(on), running.said)
    running.open("a")
    assert answer(held).status == 200
    running.exit_code()
    (life,) = lives(on)
    steps = [name for name, _ in ordered(life)]
    assert steps[:7] == ["bound", "ready", "prewarmed", "registered", "ramped", "signalled", "deregistered"]
    assert steps[7:] == ["told", "last_request", "handler", "exit"]
    assert (life.service, life.port) == ("default/web", running.port)
    assert life.requests >= 5


def test_an_operator_is_what_ends_it_too(one: Stage) -> None:
    running = one.start()
    ramped(one, running)
    running.offline()
    until(lambda: "deregistered" in names(one), running.said)
    assert names(one)[5:] == ["signalled", "deregistered"]
    running.kill(signal.SIGTERM)
    running.exit_code()
    assert names(one)[-2:] == ["handler", "exit"]


def test_who_is_killed_has_no_exit(one: Stage) -> None:
    running = one.start()
    ramped(one, running)
    running.kill(signal.SIGKILL)
    running.exit_code()
    assert names(one)[-1] == "ramped"


@pytest.mark.parametrize("settings", [{"SERVICE": ""}, {"MODE": "dormant"}])
def test_what_registers_nothing_keeps_nothing(one: Stage, settings: Mapping[str, str]) -> None:
    running = one.start(bare=False, command=None, **settings)
    assert running.get("/").status == 200
    running.kill(signal.SIGTERM)
    running.exit_code()
    assert lives(one) == []


def test_a_rolling_stop_under_load_loses_nothing_and_both_sides_say_so(on: Stage) -> None:
    on.rule(QUICK)  # without prewarm: who asks is the client alone
    old = on.start()
    name = on.registered(old).id
    with crowd(on, "/") as load:
        until(lambda: old.status().get("requests", 0) > 100, old.said)
        new = on.start()
        until(lambda: len(on.records()) == 2, new.said)
        (other,) = {record.id for record in on.records()} - {name}
        old.kill(signal.SIGTERM)
        old.exit_code()
        until(lambda: shown(on)[name]["calls"]["callers"], old.said)  # a living caller has told of who is gone
        load.over()
        summary = load.summary()
        load.end()
    lives = shown(on)
    assert list(summary) == ["200"]
    assert [lives[each]["lost"] for each in (name, other)] == [0, 0]
    first, second = lives[name], lives[other]
    assert first["calls"]["answered"] + second["calls"]["answered"] == summary["200"]
    assert first["calls"]["answered"] == first["calls"]["sent"] > 0
    assert first["requests"] == first["begun"] == first["calls"]["answered"]
    assert second["calls"]["callers"] == 1


def test_what_is_in_flight_when_the_server_is_killed_is_lost_by_the_count_of_its_callers(one: Stage) -> None:
    running = one.start()
    ramped(one, running)
    (record,) = one.records()
    with crowd(one, "/hold?gate=gate-{}", "once") as load:
        until(lambda: running.status().get("inflight") == THREADS, running.said)
        running.kill(signal.SIGKILL)
        running.exit_code()
        assert load.summary() == {"RemoteProtocolError": THREADS}
        until(lambda: shown(one)[record.id]["calls"]["failed"], running.said)  # once its lease has expired
        found = shown(one)[record.id]
        assert found["calls"] == dict(NONE, sent=THREADS, failed=THREADS)
        assert (found["lost"], "exit" in found["events"]) == (THREADS, False)


def test_what_a_killed_worker_had_in_flight_is_lost_by_both_counts() -> None:
    with stage(COMMANDS["gunicorn"]) as on:
        on.rule(RULE)
        running = on.start("-w", "1", "--threads", str(2 * THREADS))
        ramped(on, running)
        (record,) = on.records()
        with crowd(on, "/hold?gate=gate-{}", "once") as load:
            until(lambda: running.status().get("inflight") == THREADS, running.said)
            for pid in running.status()["workers"]:
                os.kill(pid, signal.SIGKILL)
            assert load.summary() == {"RemoteProtocolError": THREADS}
            until(lambda: "workers" in running.status(), running.said)
            running.kill(signal.SIGTERM)
            running.exit_code()
            load.over()
            load.end()
        found = shown(on)[record.id]
    assert (found["calls"]["failed"], found["begun"] - found["requests"], found["lost"]) == (THREADS, THREADS, THREADS)


def test_a_caller_that_ends_first_has_told_what_it_counted(one: Stage) -> None:
    running = one.start()
    record = one.registered(running)
    with crowd(one, "/", "once") as load:
        assert load.summary() == {"200": THREADS}
        assert shown(one)[record.id]["calls"]["callers"] == 0
        load.over()
        load.end()
    assert shown(one)[record.id]["calls"] == dict(NONE, sent=THREADS, answered=THREADS)
    assert one.registered(running) == record


@pytest.mark.parametrize("front", FRONTS)
def test_a_server_that_is_stopped_tells_what_it_counted_of_its_own_calls(front: str) -> None:
    with stage(FRONTS[front]) as on:
        [stock] = on.mesh.service("stock")
        running = on.start()
        on.registered(running)
        assert [running.get("/call").body for _ in range(6)] == ["200"] * 6
        assert open_engine(on.mesh.url).told() == {}
        running.kill(signal.SIGTERM)
        running.exit_code()
        told = open_engine(on.mesh.url).told()
    assert together(told["stock-%s-%d" % stock.address].values()) == Calls(6, 6)
