"""The life of an instance in the store, as real servers lead it."""

from __future__ import annotations

import signal
from typing import Iterator, List, Mapping, Sequence

import pytest

from meshrun.cli.timelines import ordered
from meshrun.core.timeline import Timeline
from meshrun.engines import open_engine
from tests.contract.running import NO_CONTROL, Running, Stage, answer, stage, until

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
CALLER = {"X-Meshrun-Caller": "shop.default"}


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
