"""The pick: two weighted candidates, the second only if strictly less loaded."""

from __future__ import annotations

from itertools import accumulate
from typing import Callable, Dict, List

import pytest

from meshrun.core.model import Instance
from meshrun.core.pick import pick

MEMBERS = [Instance("i%d" % at, "default/a", "10.0.0.1", at) for at in range(4)]


def draws(*numbers: float) -> Callable[[], float]:
    left = list(numbers)
    return lambda: left.pop(0)


def picked(weights: List[float], loads: Dict[str, int], *numbers: float, low: int = 0, high: int = 0) -> int:
    prefix = list(accumulate(weights, initial=0.0))
    inflight = {name: range(load) for name, load in loads.items()}
    return pick(MEMBERS, weights, prefix, low, high or len(weights), draws(*numbers), inflight)


def test_a_single_member_needs_no_draw() -> None:
    assert picked([5], {"i0": 9}) == 0


@pytest.mark.parametrize(("number", "at"), [(0.0, 0), (0.0999, 0), (0.1, 1), (0.9999999999999999, 1)])
def test_an_idle_caller_draws_by_weight(number: float, at: int) -> None:
    assert picked([10, 90], {}, number) == at


def test_the_second_candidate_wins_if_strictly_less_loaded() -> None:
    assert picked([10, 10], {"i0": 2, "i1": 1}, 0.0, 0.9) == 1


def test_with_equal_load_the_first_stays() -> None:
    assert picked([10, 10], {"i0": 1, "i1": 1}, 0.0, 0.9) == 0


def test_load_is_compared_by_weight() -> None:
    """3 calls on a weight of 90 are less than 1 on a weight of 10."""
    assert picked([10, 90], {"i0": 1, "i1": 3}, 0.0, 0.9) == 1
    assert picked([10, 90], {"i0": 1, "i1": 9}, 0.0, 0.9) == 0


def test_the_same_candidate_twice_is_taken() -> None:
    assert picked([10, 10], {"i0": 5}, 0.0, 0.1) == 0


@pytest.mark.parametrize(("number", "at"), [(0.0, 1), (0.49, 1), (0.51, 2), (0.9999999999999999, 2)])
def test_a_stretch_of_the_members_is_all_that_is_looked_at(number: float, at: int) -> None:
    assert picked([7, 10, 10, 7], {}, number, low=1, high=3) == at
