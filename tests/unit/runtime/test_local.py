"""Which endpoints take no new call, by what a process has seen."""

from __future__ import annotations

from typing import Any, Dict

from meshrun.core.model import DRAINING, Instance
from meshrun.runtime import local
from meshrun.runtime.local import Local


def one(name: str, port: int = 1, **more: Any) -> Instance:
    return Instance(name, "default/orders", "10.0.0.1", port, **more)


def known(*instances: Instance) -> Dict[str, Instance]:
    return {each.id: each for each in instances}


A, B = one("a", 1), one("b", 2)


def test_who_is_gone_or_drains_takes_no_new_call() -> None:
    seen = Local()
    seen.moved(known(A, B), known(A))
    assert seen.left == {"10.0.0.1:2"}
    seen.moved(known(A), known(A._replace(state=DRAINING)))
    assert seen.left == {"10.0.0.1:1", "10.0.0.1:2"}
    seen = Local()
    seen.moved(known(A), known(A._replace(alive=False)))
    assert seen.left == {"10.0.0.1:1"}


def test_who_comes_back_takes_calls_again() -> None:
    seen = Local()
    seen.moved(known(A, B), known(A))
    seen.moved(known(A), known(A, one("c", 2)))
    assert seen.left == frozenset()


def test_a_place_that_another_instance_has_taken_is_not_left() -> None:
    seen = Local()
    seen.moved(known(A, one("successor", 1)), known(one("successor", 1)))
    assert seen.left == frozenset()


def test_who_said_that_it_drains_has_left_whatever_an_older_record_says() -> None:
    seen = Local()
    seen.drains(A, 1000.0)
    seen.moved(known(A), known(A._replace(weight=50)))
    assert seen.left == {"10.0.0.1:1"}


def test_it_is_the_same_object_while_nothing_changes() -> None:
    seen = Local()
    seen.moved(known(A, B), known(A))
    before = seen.left
    seen.moved(known(A), known(A._replace(weight=50)))
    seen.drains(B, 1000.0)
    assert seen.left is before


def test_what_left_long_ago_is_forgotten_where_there_is_too_much_of_it(monkeypatch: Any) -> None:
    monkeypatch.setattr(local, "MAX_LEFT", 3)
    seen = Local()
    for port in range(10):
        seen.moved(known(one("x", port)), {})
    assert "10.0.0.1:9" in seen.left
    assert len(seen.left) <= 4
