"""What a process counted of its calls to each instance, and when the store gets it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping

import pytest

from meshrun import _guard
from meshrun.core.model import Instance
from meshrun.core.timeline import Calls
from meshrun.engines.base import EngineError
from meshrun.engines.file import FileEngine
from meshrun.runtime import tallies
from meshrun.runtime.tallies import Tallies, outcome, unanswered
from meshrun.telemetry.metrics import Counter

HERE = {"a": Instance("a", "default/web", "10.0.0.9", 8000)}
EXPIRED = {"a": HERE["a"]._replace(alive=False)}
GONE: Mapping[str, Instance] = {}


class Caller:
    """A process that calls: its counters, its calls under way, its tallies."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.requests = Counter("calls_total", ("result",))
        self.under_way: Dict[str, List[None]] = {}
        self.opened = 0
        self.engine: Any = FileEngine(str(store))
        self.tallies = Tallies(self.requests, self._open)

    def _open(self) -> Any:
        self.opened += 1
        return self.engine

    def ends(self, *ends: Any, name: str = "a") -> None:
        """Calls end, each with a status or with what happened instead."""
        for ended in ends:
            result, how = outcome(ended)
            next(self.requests.part((name, how), (result,)))

    def look(self, now: float, known: Mapping[str, Instance]) -> Mapping[str, Calls]:
        """One look of the agent thread, and what the store has then."""
        self.tallies.look(now, known, self.under_way)
        return self.told()

    def told(self) -> Mapping[str, Calls]:
        """What the store has of this process."""
        return {name: callers[self.tallies.caller] for name, callers in FileEngine(str(self.store)).told().items()}


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(tmp_path / "store")


@pytest.mark.parametrize(
    ("error", "sent", "result", "calls"),
    [
        (OSError(), True, "error", Calls(1, failed=1)),
        (OSError(), False, "unsent", Calls(unsent=1)),
        (None, False, "unsent", Calls(unsent=1)),
        (KeyboardInterrupt(), True, "cancelled", Calls(1, cancelled=1)),
        (KeyboardInterrupt(), False, "cancelled", Calls(unsent=1)),
    ],
)
def test_what_happens_instead_of_a_response_counts_once(
    caller: Caller, error: Any, sent: bool, result: str, calls: Calls
) -> None:
    caller.ends(unanswered(error, sent=sent))
    assert caller.look(0.0, GONE) == {"a": calls}
    assert dict(caller.requests.items()) == {(result,): 1}


def test_it_is_told_when_the_instance_is_gone_and_not_before(caller: Caller) -> None:
    caller.ends(200, 404, 503, "dropped")
    assert caller.look(0.0, HERE) == {}
    assert caller.opened == 0
    assert caller.look(2.0, GONE) == {"a": Calls(4, 3, cancelled=1)}


def test_an_instance_whose_lease_expired_is_gone(caller: Caller) -> None:
    caller.ends("error")
    assert caller.look(0.0, EXPIRED) == {"a": Calls(1, failed=1)}


def test_a_call_under_way_is_waited_for_a_minute_and_what_it_becomes_is_told_as_well(caller: Caller) -> None:
    caller.ends(200)
    caller.under_way["a"] = [None]
    assert caller.look(0.0, GONE) == {}
    assert caller.look(59.0, GONE) == {}
    assert caller.look(60.0, GONE) == {"a": Calls(2, 1)}
    caller.under_way["a"].pop()
    caller.ends("error")
    assert caller.look(70.0, GONE) == {"a": Calls(2, 1, failed=1)}


def test_who_comes_back_is_counted_on(caller: Caller) -> None:
    caller.ends(200)
    for now in (0.0, 100.0, 200.0):
        assert caller.look(now, GONE) == {"a": Calls(1, 1)}
    caller.ends(200, "error")
    assert caller.look(300.0, HERE) == {"a": Calls(1, 1)}
    assert caller.look(400.0, GONE) == {"a": Calls(3, 2, failed=1)}


def test_nothing_is_kept_of_who_is_gone_for_long_but_the_metric_loses_nothing(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "_MOST_PAST", 10)
    for number in range(50):
        caller.ends(200, "error", name="i-%d" % number)
        for step in (0.0, 61.0):
            caller.look(number * 1000.0 + step, GONE)
    assert not caller.requests.owners()
    assert len(caller.tallies._past) == 10
    assert not caller.tallies._told
    assert not caller.tallies._gone
    assert dict(caller.requests.items()) == {("2xx",): 50, ("error",): 50}
    assert len(caller.told()) == 50


def test_the_end_tells_all_and_calls_under_way_are_given_up(caller: Caller) -> None:
    caller.ends(200)
    caller.ends("error", name="b")
    caller.under_way["a"] = [None, None]
    caller.tallies.leave(caller.under_way, last=False)
    assert caller.told() == {"a": Calls(3, 1), "b": Calls(1, failed=1)}
    for _ in range(2):
        caller.tallies.leave(caller.under_way)
        assert caller.told() == {"a": Calls(3, 1, cancelled=2), "b": Calls(1, failed=1)}


def test_who_called_nothing_opens_no_store(caller: Caller) -> None:
    caller.look(0.0, GONE)
    caller.tallies.leave(caller.under_way)
    assert (caller.opened, caller.store.exists()) == (0, False)


def test_a_store_that_is_down_is_tried_again_and_stops_no_other_instance(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def tell(name: str, who: str, calls: Calls, tell: Callable[..., None] = caller.engine.tell) -> None:
        asked.append(name)
        if name == "a" and len(asked) < 3:
            raise EngineError("the store is down; start it")
        tell(name, who, calls)

    monkeypatch.setattr(caller.engine, "tell", tell)
    monkeypatch.setattr(_guard, "errors", {})
    monkeypatch.setattr(tallies, "monotonic", lambda: 0.0)
    caller.ends(200)
    caller.ends(200, name="b")
    assert caller.look(0.0, GONE) == {"b": Calls(1, 1)}
    assert caller.look(9.0, GONE) == {"b": Calls(1, 1)}
    assert caller.look(10.0, GONE) == {"a": Calls(1, 1), "b": Calls(1, 1)}
    assert asked == ["a", "b", "a"]
    assert _guard.errors == {"store": 1}


def test_a_forked_child_tells_only_its_own(caller: Caller) -> None:
    caller.ends(200, 200, "error")
    parent, metric = caller.tallies.caller, dict(caller.requests.items())
    caller.tallies.forget()
    assert caller.tallies.caller != parent
    assert dict(caller.requests.items()) == metric
    caller.ends(200)
    assert caller.look(0.0, GONE) == {"a": Calls(1, 1)}
    assert str(os.getpid()) in caller.tallies.caller
