"""Warm-up: the ramp, its floor, and when it is skipped."""

from __future__ import annotations

from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshrun.core.model import Instance
from meshrun.core.weight import effective, effective_weights


@pytest.mark.parametrize(
    ("age", "curve", "weight"),
    [(0, 2, 1), (-5, 2, 1), (30, 1, 25), (60, 1, 50), (60, 2, 25), (120, 2, 100), (999, 2, 100), (0, 0, 100)],
)
def test_the_ramp(age: float, curve: float, weight: int) -> None:
    assert effective(100, age, 120, curve) == weight


def test_without_warm_up_a_new_instance_has_its_weight() -> None:
    assert effective(100, 0, 0, 2) == 100


@given(st.integers(1, 10_000), st.floats(-10, 1e6), st.floats(0, 86_400), st.floats(0, 20))
def test_the_weight_is_at_least_1_and_at_most_its_own(weight: int, age: float, warmup: float, curve: float) -> None:
    assert 1 <= effective(weight, age, warmup, curve) <= weight


@given(st.integers(1, 10_000), st.floats(0, 1000), st.floats(0, 1000), st.floats(0, 20))
def test_it_grows_with_age(weight: int, one: float, other: float, curve: float) -> None:
    young, old = sorted((one, other))
    assert effective(weight, young, 500, curve) <= effective(weight, old, 500, curve)


def fleet(ages: List[float]) -> List[Instance]:
    return [Instance("i%d" % at, "default/a", "10.0.0.1", at, started=1000 - age) for at, age in enumerate(ages)]


def test_one_cold_instance_of_three_ramps() -> None:
    assert effective_weights(fleet([0, 500, 500]), 1000, 120, 2) == (1, 100, 100)


@pytest.mark.parametrize("ages", [[0], [0, 500], [0, 60, 500], [0, 0, 0]])
def test_with_half_or_more_cold_nobody_ramps(ages: List[float]) -> None:
    assert effective_weights(fleet(ages), 1000, 120, 2) == (100,) * len(ages)


def test_a_clock_that_is_behind_the_providers_counts_as_age_0() -> None:
    assert effective_weights(fleet([-300, 500, 500]), 1000, 120, 2)[0] == 1
