"""Connections that last, and when they are closed while the instance drains."""

from __future__ import annotations

import functools
from typing import Callable, List, Tuple

import pytest

from meshrun.lifecycle.lasting import GAP_SECONDS, SHARE, Lasting
from meshrun.lifecycle.page import Limits

SHORT = Limits(6.0, 0.2, 0.0)


class Loop:
    """An event loop that only notes what it is asked for."""

    def __init__(self, closed: bool = False) -> None:
        self.later: List[Tuple[float, Callable[[], None]]] = []
        self.closed = closed

    def call_soon_threadsafe(self, function: Callable[..., object], *args: object) -> None:
        if self.closed:
            raise RuntimeError("Event loop is closed")
        function(*args)

    def call_later(self, delay: float, function: Callable[[], None]) -> None:
        self.later.append((delay, function))

    def run(self) -> None:
        """Let all the time pass."""
        for _, function in sorted(self.later, key=lambda one: one[0]):
            function()

    @property
    def delays(self) -> List[float]:
        """What was asked for, in order."""
        return [delay for delay, _ in self.later]


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_each_gets_a_moment_of_its_own_in_an_equal_part_of_the_time(loop: Loop) -> None:
    lasting = Lasting()
    for _ in range(100):
        lasting.add(lambda: None, loop)
    lasting.part(1000.0, SHORT, 1006.0)
    part = SHARE * 6.0 / 100
    assert all(number * part <= delay <= (number + 1) * part for number, delay in enumerate(loop.delays))
    assert len(loop.delays) == 100


def test_a_few_do_not_take_the_whole_time(loop: Loop) -> None:
    lasting = Lasting(lambda: 1.0)
    for _ in range(2):
        lasting.add(lambda: None, loop)
    lasting.part(1000.0, SHORT, 1006.0)
    assert loop.delays == [GAP_SECONDS, 2 * GAP_SECONDS]


def test_they_take_as_long_as_the_drain_lasts_anyway(loop: Loop) -> None:
    lasting = Lasting(lambda: 1.0)
    lasting.add(lambda: None, loop)
    lasting.part(1001.0, Limits(60.0, 0.2, 20.0), 1060.0)  # a second of it is over
    assert loop.delays == [19.0]


def test_a_deadline_that_is_not_set_yet_is_reckoned_from_now(loop: Loop) -> None:
    lasting = Lasting(lambda: 1.0)
    for _ in range(1000):
        lasting.add(lambda: None, loop)
    lasting.part(1000.0, SHORT, 0.0)
    assert loop.delays[-1] == pytest.approx(SHARE * 6.0)


def test_each_is_planned_once_and_one_that_comes_later_too(loop: Loop) -> None:
    lasting = Lasting()
    closed: List[str] = []
    lasting.add(functools.partial(closed.append, "first"), loop)
    lasting.part(1000.0, SHORT, 1006.0)
    lasting.add(functools.partial(closed.append, "late"), loop)
    lasting.part(1000.25, SHORT, 1006.0)
    lasting.part(1000.5, SHORT, 1006.0)
    loop.run()
    assert sorted(closed) == ["first", "late"]


def test_one_that_has_ended_is_left_alone(loop: Loop) -> None:
    lasting = Lasting()
    closed: List[str] = []
    before = lasting.add(functools.partial(closed.append, "before"), loop)
    after = lasting.add(functools.partial(closed.append, "after"), loop)
    before()
    lasting.part(1000.0, SHORT, 1006.0)
    after()
    after()
    loop.run()
    assert (closed, len(loop.later)) == ([], 1)


def test_a_loop_that_is_closed_is_no_error(loop: Loop) -> None:
    lasting = Lasting()
    closed: List[str] = []
    lasting.add(functools.partial(closed.append, "gone"), Loop(closed=True))
    lasting.add(functools.partial(closed.append, "there"), loop)
    lasting.part(1000.0, SHORT, 1006.0)
    loop.run()
    assert closed == ["there"]
