"""What a server notes of its own life, and when the registry gets it."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any, Callable, List, Mapping, Sequence

import pytest

from meshrun.core.rules import Lifecycle
from meshrun.core.timeline import EVENTS, Timeline
from meshrun.engines.base import EngineError
from meshrun.lifecycle import drain as drain_module
from meshrun.lifecycle import signals
from meshrun.lifecycle.page import OFFLINE, Page
from meshrun.lifecycle.server import Server

Serving = Callable[..., Server]


@pytest.fixture
def rule() -> List[Lifecycle]:
    return [Lifecycle(drain_seconds=10.0, drain_quiet=0.0, drain_min=0.0)]


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> List[int]:
    sent: List[int] = []
    monkeypatch.setattr(drain_module, "_kill", lambda pid, signum: sent.append(signum))
    return sent


@pytest.fixture
def reported() -> List[str]:
    return []


@pytest.fixture
def serving(
    engine: Any,
    settings: Any,
    tmp_path: Path,
    rule: List[Lifecycle],
    reported: List[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Serving:
    monkeypatch.setattr(signals, "adopt", lambda gate, leaves: None)
    monkeypatch.setattr("atexit.register", lambda function: None)

    def server(**values: str) -> Server:
        made = Server(
            settings(**values), str(tmp_path), lambda: engine, lambda: rule[0],
            lambda where, error: reported.append(where),
        )  # fmt: skip
        made.listening("127.0.0.1", 8000, "http", False, 5.0)
        made.ready()
        return made

    return server


def until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def events(engine: Any) -> Sequence[str]:
    """The events that the registry has of the one instance, in the order of the whole life."""
    lives: Mapping[str, Timeline] = engine.lives
    return [name for life in lives.values() for name in EVENTS if name in life.events]


def test_the_start_is_kept_as_soon_as_it_is_registered(serving: Serving, engine: Any) -> None:
    server = serving()
    server.tick(0.0)
    (life,) = engine.lives.values()
    assert (life.id, life.service, life.port) == (server.instance_id, "default/web", 8000)
    assert events(engine) == ["bound", "ready", "registered"]
    assert abs(time.time() - life.events["registered"]) < 60


def test_a_ramp_is_over_when_the_callers_end_it(
    serving: Serving, engine: Any, rule: List[Lifecycle], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule[0] = rule[0]._replace(warmup_seconds=100.0)
    server, now = serving(), time.time()
    server.tick(0.0)
    monkeypatch.setattr(time, "time", lambda: now + 99.0)
    server.tick(0.0)
    page = server._page
    assert page is not None
    assert "ramped" not in page.times
    monkeypatch.setattr(time, "time", lambda: now + 200.0)
    server.tick(0.0)
    assert page.times["ramped"] == page.started + 100.0


def test_a_ramp_is_over_no_sooner_than_the_registry_has_the_instance(
    serving: Serving, engine: Any, rule: List[Lifecycle], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule[0] = rule[0]._replace(warmup_seconds=100.0)
    server, now, register = serving(), time.time(), engine.register

    def slow(*given: Any) -> Any:
        monkeypatch.setattr(time, "time", lambda: now + 300.0)
        return register(*given)

    monkeypatch.setattr(engine, "register", slow)
    server.tick(0.0)
    page = server._page
    assert page is not None
    assert page.started < now + 200.0
    assert page.times["ramped"] == page.times["registered"] == now + 300.0


def test_a_stop_is_kept_with_what_it_waited_for(serving: Serving, engine: Any, killed: List[int]) -> None:
    server = serving()
    server.tick(0.0)
    server.enter()
    server.gate(signal.SIGTERM)
    until(lambda: "deregistered" in events(engine))
    server.told()
    server.leave()
    until(lambda: killed)
    assert events(engine) == [
        "bound", "ready", "registered", "signalled", "deregistered", "told", "last_request", "handler",
    ]  # fmt: skip
    server._exit()
    assert events(engine)[-1] == "exit"
    times = next(iter(engine.lives.values())).events
    assert times["told"] <= times["last_request"] <= times["handler"] <= times["exit"]


def test_requests_count_when_they_have_ended_and_the_last_word_on_the_end_holds(
    serving: Serving, engine: Any, killed: List[int]
) -> None:
    server = serving()
    for _ in range(3):
        server.enter()
    server.leave()
    server.tick(0.0)
    (life,) = engine.lives.values()
    assert (life.requests, life.begun, life.cut) == (1, 3, 0)
    server.gate(signal.SIGQUIT)
    server.stopped()
    (life,) = engine.lives.values()
    assert (life.requests, life.begun, life.cut) == (1, 3, 2)
    server.leave()
    server._exit()
    (life,) = engine.lives.values()
    assert (life.requests, life.begun, life.cut) == (2, 3, 1)


def test_what_a_killed_worker_left_was_cut_too(serving: Serving, engine: Any, in_child: Callable[..., int]) -> None:
    server = serving()

    def works() -> bool:
        server.after_fork_child()
        server.ready()
        for _ in range(3):
            server.enter()
        server.leave()
        return True

    assert in_child(works) == 0
    assert server.status()["inflight"] == 0
    server._exit()
    (life,) = engine.lives.values()
    assert (life.requests, life.begun, life.cut) == (1, 3, 2)


def test_a_drain_by_an_operator_is_not_cut_by_the_tick_that_comes_first(
    serving: Serving, rule: List[Lifecycle], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: List[Any] = []
    monkeypatch.setattr(drain_module, "_start", lambda function, arguments: begun.append(function))
    server = serving()
    server.tick(0.0)
    server.enter()
    server.offline()
    server.tick(0.0)  # before the drain's thread ran, that sets the deadline
    assert (server.status()["state"], server.status()["registered"], len(begun)) == ("draining", True, 1)


def test_a_registry_that_takes_no_timeline_takes_the_instance(
    serving: Serving, engine: Any, reported: List[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(timeline: Timeline) -> None:
        raise EngineError("no room")

    monkeypatch.setattr(engine, "note", refused)
    server = serving()
    server.tick(0.0)
    status = server.status()
    assert (status["registered"], status["ready"], status["reason"], len(engine.records)) == (True, True, None, 1)
    server.tick(0.0)
    assert reported == ["registration"]  # the next try is ten seconds later


@pytest.mark.parametrize("values", [{"SERVICE": ""}, {"ASLEEP": "1"}])
def test_what_is_not_to_be_found_keeps_no_timeline(serving: Serving, engine: Any, values: Mapping[str, str]) -> None:
    server = serving(**{name: value for name, value in values.items() if name != "ASLEEP"})
    server.sleep("ASLEEP" in values)
    server.tick(0.0)
    server._exit()
    assert engine.lives == {}


def test_an_event_is_noted_when_it_happens_first_or_last() -> None:
    page = Page()
    assert page.times == {}
    page.note("bound", 1.5)
    page.note("bound", 2.5)
    page.note("exit", 3.5, again=True)
    page.note("exit", 4.5, again=True)
    assert page.times == {"bound": 1.5, "exit": 4.5}
    page.identity = "x" * 95
    page.expected = 3
    page.slot = 2
    assert (page.times, page.identity, page.expected, page.slot) == (
        {"bound": 1.5, "exit": 4.5}, "x" * 95, 3, 2,
    )  # fmt: skip
    assert page.state != OFFLINE
