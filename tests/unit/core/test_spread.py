"""The sliding window gives every member its share over a full turn."""

from __future__ import annotations

from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshrun.core.aperture import CALLS_PER_SLIDE
from meshrun.core.model import Instance
from meshrun.core.spread import Spread


def spread(weights: List[float]) -> Spread:
    members = [Instance("i%d" % at, "default/a", "10.0.0.1", at) for at in range(len(weights))]
    return Spread(members, weights, narrow=True)


def expected(weights: List[float], size: int) -> List[float]:
    """The calls that each member can expect over a full turn."""
    one = spread(weights)
    calls = [0.0] * len(weights)
    for turn in range(CALLS_PER_SLIDE * len(weights)):
        begin = one.begin(size, turn)
        total = one.prefix[begin + size] - one.prefix[begin]
        for at in range(begin, begin + size):
            calls[at % len(weights)] += one.weights[at] / total
    return calls


@given(st.lists(st.floats(1, 1000), min_size=3, max_size=20), st.data())
def test_shares_over_a_full_turn_are_those_of_the_weights(weights: List[float], data: st.DataObject) -> None:
    """Within the one call by which a stay must be a whole number of calls."""
    size = data.draw(st.integers(2, len(weights) - 1))
    total = CALLS_PER_SLIDE * len(weights)
    for calls, weight in zip(expected(weights, size), weights):
        assert calls == pytest.approx(total * weight / sum(weights), abs=2, rel=0.02)


def test_one_heavy_among_light_gets_its_share() -> None:
    """With stays of equal length it would get 0.29 instead of 0.4."""
    weights = [1000.0] + [100.0] * 15
    assert expected(weights, 8)[0] / (CALLS_PER_SLIDE * 16) == pytest.approx(0.4, rel=0.01)


def test_with_equal_weights_the_window_moves_by_one_member_every_50_calls() -> None:
    one = spread([100.0] * 20)
    assert [one.begin(8, turn) for turn in (0, 49, 50, 99, 100, 999, 1000)] == [0, 0, 1, 1, 2, 19, 0]


def test_a_window_that_goes_round_the_end_is_a_stretch_of_the_round() -> None:
    one = spread([100.0] * 20)
    begin = one.begin(8, 999)
    assert [member.port for member in one.round[begin : begin + 8]] == [19, 0, 1, 2, 3, 4, 5, 6]
