"""Choosing one instance: two candidates by weight, the second only if it is strictly less loaded."""

from __future__ import annotations

from bisect import bisect_right
from typing import Callable, Mapping, Sequence, Sized

from .model import Instance


def pick(
    members: Sequence[Instance],
    weights: Sequence[float],
    prefix: Sequence[float],
    low: int,
    high: int,
    draw: Callable[[], float],
    inflight: Mapping[str, Sized],
) -> int:
    """The position, from `low` up to but without `high`, of the member that gets the call.

    Both candidates are drawn with probability proportional to weight; `prefix` has the running sums of `weights` with a
    leading 0. Only the draw is weighted, and load breaks the tie: two plain choices compared by load over weight give
    every idle member the same share, whatever its weight, and a caller that makes one call at a time is always idle.
    """
    if high - low == 1:
        return low
    base = prefix[low]
    span = prefix[high] - base
    first = bisect_right(prefix, base + draw() * span, low + 1, high) - 1
    load = inflight.get(members[first].id)
    if not load:
        return first  # no second candidate can be strictly less loaded
    second = bisect_right(prefix, base + draw() * span, low + 1, high) - 1
    other = inflight.get(members[second].id, ())
    return second if len(other) * weights[first] < len(load) * weights[second] else first
