"""Sticky percentages: the published hash, growth without loss, and even shares."""

from __future__ import annotations

from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from meshrun.core.sticky import BUCKETS, bucket, inside


def test_the_bucket_is_the_published_hash() -> None:
    """First 8 bytes of BLAKE2b(name, NUL, value) mod 10,000; the number is pinned, other programs compute it too."""
    digest = blake2b(b"gray\x0042").digest()
    assert bucket("gray", "42") == int.from_bytes(digest[:8], "big") % 10_000 == 2343


@given(st.text(), st.floats(0, 100), st.floats(0, 100))
def test_who_is_in_stays_in_when_the_percentage_grows(value: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert inside("gray", value, high) or not inside("gray", value, low)


@given(st.text())
def test_nobody_is_inside_0_percent_and_everybody_inside_100(value: str) -> None:
    assert not inside("gray", value, 0)
    assert inside("gray", value, 100)


def test_shares_are_those_asked_for() -> None:
    """20,000 values at 7 percent: expectation 1,400, standard deviation 36."""
    assert abs(sum(inside("gray", "user-%d" % number, 7) for number in range(20_000)) - 1400) < 5 * 36


def test_an_inexact_product_lets_no_bucket_more_in() -> None:
    """0.07 * 100 is 7.000000000000001 in floating point."""
    edge = next(str(number) for number in range(10 * BUCKETS) if bucket("gray", str(number)) == 7)
    assert not inside("gray", edge, 0.07)
    assert inside("gray", edge, 0.08)
