"""What is current here, what follows elsewhere, and what is lost on the way."""

from __future__ import annotations

import pickle
import types
from contextvars import copy_context
from typing import Any, Iterator, List

import pytest

from meshrun import _guard
from meshrun.core.model import Pairs
from meshrun.runtime import carry, context
from meshrun.runtime.context import CURRENT, Carried, Lost

GRAY = (("lane", "gray"),)
REQUEST = Carried(GRAY, (), trusted=True)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    mark = CURRENT.set(None)
    yield
    CURRENT.reset(mark)


@pytest.mark.parametrize(
    ("request_", "follows"),
    [
        (REQUEST, True),
        (Carried((), (("x-tenant", "acme"),), trusted=True), True),
        (Carried((), (), trusted=False), True),  # a colour that the app copies from it must not count elsewhere
        (Carried((), (), trusted=True), False),
        (Lost("threading"), False),
    ],
)
def test_a_request_follows_where_it_has_something_that_matters(request_: Any, follows: bool) -> None:
    assert carry.current() is None
    CURRENT.set(request_)
    assert carry.current() is (request_ if follows else None)


def test_it_is_current_for_the_length_of_a_call_also_of_one_that_fails() -> None:
    assert carry.run(REQUEST, carry.current) is REQUEST
    assert carry.run(None, dict, (), {"a": 1}) == {"a": 1}
    with pytest.raises(ZeroDivisionError):
        carry.run(REQUEST, divmod, (1, 0))
    assert CURRENT.get() is None


def test_it_may_be_entered_and_be_alone_in_a_context() -> None:
    made = carry.context(REQUEST)
    assert list(made) == [CURRENT]
    assert made.run(carry.current) is REQUEST
    copy_context().run(carry.enter, REQUEST)
    assert CURRENT.get() is None


@pytest.mark.parametrize("token", [REQUEST, Carried((), (("a", "b"),), trusted=False)])
def test_it_goes_through_pickle_as_plain_values(token: Carried) -> None:
    packed = pickle.loads(pickle.dumps(carry.pack(token)))
    assert {type(value) for value in packed} == {tuple, bool}
    again = carry.unpack(packed)
    assert isinstance(again, Carried)
    assert (again.colour, again.carried, again.trusted) == (token.colour, token.carried, token.trusted)


def test_nothing_and_a_loss_go_through_pickle_too() -> None:
    assert carry.unpack(carry.pack(None)) is None
    lost = carry.unpack(carry.pack(Lost("multiprocessing")))
    assert isinstance(lost, Lost)
    assert lost.library == "multiprocessing"


def serve_forever() -> None: ...


def test_a_loop_is_lost_a_worker_has_nothing_and_a_task_of_a_pool_is_of_its_request() -> None:
    worker = types.FunctionType(serve_forever.__code__, {"__name__": "concurrent.futures.thread"}, "worker")
    assert carry.inherited(REQUEST, "threading", print, object) is REQUEST
    assert carry.inherited(REQUEST, "threading", worker, object) is None
    assert carry.inherited(REQUEST, "concurrent.futures", worker) is REQUEST
    lost = carry.inherited(REQUEST, "threading", serve_forever, object)
    assert isinstance(lost, Lost)
    assert lost.library == "threading"
    # Without a colour nothing can be lost.
    assert carry.inherited(Carried((), (("a", "b"),), trusted=True), "threading", serve_forever, object) is None


def test_a_function_that_cannot_be_judged_is_counted_and_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_guard, "errors", {})
    odd = types.FunctionType(serve_forever.__code__, {}, "odd")
    monkeypatch.setattr(odd, "__module__", ["no", "name"])
    assert carry.inherited(REQUEST, "gevent", odd) is None
    assert _guard.errors == {"inherited": 1}
    assert "meshrun: inherited: " in capsys.readouterr().err


def test_a_lost_call_is_counted_when_its_colour_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: List[str] = []
    lost = Lost("threading")

    def own(library: str) -> Pairs:
        seen.append(library)
        return GRAY

    monkeypatch.setattr(context, "lost_call", own)
    colour: Pairs = lost.colour
    assert (colour, seen) == (GRAY, ["threading"])
    assert (lost.carried, lost.trusted) == ((), True)
