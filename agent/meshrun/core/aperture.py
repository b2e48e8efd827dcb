"""Which part of a large set this caller talks to: a deterministic arc of the ring of slots, and a window inside it.

Callers spread evenly over the ring and each takes an arc of the same width, with fractional ends, so every instance
gets the same load from few connections. Independent random subsets would need about 100 callers per instance for that.
The scheme is Finagle's deterministic aperture; the ring is ordered by slot, so that a replacement takes the place of
the instance it replaces.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import accumulate
from math import floor
from typing import List, Optional, Sequence, Tuple

WANTED = 8
"""Instances that a caller wants to talk to (k)."""
NARROW_FROM = 2 * WANTED
"""Sets with fewer places are used whole: an arc of half a set saves nothing."""
CALLS_PER_SLIDE = 50
"""Calls after which the window moves on by one instance, on average."""
_NOTHING = 1e-9  # an overlap below this is an error of floating point, not a share
_MASK = (1 << 64) - 1


def ring_position(slot: int) -> int:
    """Where a slot stands in the ring: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), the same everywhere."""
    mixed = (slot + 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


def offset(caller: str) -> float:
    """Where the arcs of a caller service begin, 0 to 1; own to each service, so that their boundaries do not coincide.

    A process without a place of its own gives something of its own instead, such as host and pid.
    """
    digest = blake2b(caller.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / (1 << 64)


def arc(alive: Sequence[bool], place: Optional[Tuple[int, int]], start: float) -> List[Tuple[int, float]]:
    """The living places of this caller's arc in ring order, each with the part of it that belongs to the arc.

    `alive` has an item for each place of the ring, False for those that take no call now. `place` is (i, M): caller i
    of M, from 0; None, for a caller that is not registered, means the whole ring. `start` is the `offset`. An arc with
    less than half of its places alive is widened by 1/M until it has that.
    """
    places = len(alive)
    turn, callers = place or (0, 1)
    begin = ((start + turn / callers) % 1.0) * places
    living = tuple(accumulate(alive, initial=0))
    steps = -(-WANTED * callers // places)
    while steps < callers:
        length = steps / callers * places
        if 2 * (_alive(living, alive, begin + length) - _alive(living, alive, begin)) >= length:
            return [(position, share) for position, share in _spans(begin, length, places) if alive[position]]
        steps += 1
    first = floor(begin)
    ring = [(first + step) % places for step in range(places)]
    return [(position, 1.0) for position in ring if alive[position]]


def _alive(living: Sequence[int], alive: Sequence[bool], end: float) -> float:
    """How much of the ring from 0 to `end` is alive; `end` may go round. `living` has the running sums of `alive`."""
    rounds, position = divmod(floor(end), len(alive))
    return rounds * living[-1] + living[position] + (end - floor(end)) * alive[position]


def _spans(begin: float, length: float, places: int) -> List[Tuple[int, float]]:
    """Which places the stretch from `begin` covers, and how much of each; `length` is below `places`."""
    spans: List[Tuple[int, float]] = []
    end = begin + length
    at = floor(begin)
    while at < end:
        share = min(at + 1, end) - max(at, begin)
        if share > _NOTHING:
            spans.append((at % places, share))
        at += 1
    if len(spans) > 1 and spans[0][0] == spans[-1][0]:  # the end came round into the place of the beginning
        last = spans.pop()
        spans[0] = (spans[0][0], spans[0][1] + last[1])
    return spans


def window_size(members: int, peak: int, cap: Optional[int], *, narrow: bool) -> int:
    """How many of an arc's members are in use at a time, so that their connections are kept alive.

    In a set that is narrowed: twice the peak of calls in flight, at least 8. `cap`: what the client's keep-alive limit
    allows this service; never under 2.
    """
    size = min(members, max(WANTED, 2 * peak)) if narrow else members
    return size if cap is None else min(size, max(2, cap))
