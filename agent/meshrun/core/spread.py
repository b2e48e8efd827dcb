"""How the calls of one caller are spread over instances: the weights of the draws, and the window that slides."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Dict, Sequence, Tuple

from .aperture import CALLS_PER_SLIDE
from .model import Instance


class Spread:
    """Members in the order of the ring, with the weights of their draws.

    `members` has them once; `round`, `weights` and `prefix` (running sums with a leading 0) have them twice over, so
    that a window that goes round the end is a plain stretch of them.
    """

    __slots__ = ("_stays", "members", "narrow", "prefix", "round", "weights")

    def __init__(self, members: Sequence[Instance], weights: Sequence[float], *, narrow: bool) -> None:
        self.members = tuple(members)
        self.round = self.members * 2
        self.weights = tuple(weights) * 2
        self.prefix = tuple(accumulate(self.weights, initial=0.0))
        self.narrow = narrow
        """Whether this is the arc of a larger set."""
        self._stays: Dict[int, Tuple[float, ...]] = {}

    def begin(self, size: int, turns: int) -> int:
        """Where a window of `size` members, fewer than all, begins after so many calls.

        It stays at a place for a number of calls in proportion to the weight inside it, 50 on average. If all stays
        were equal, a heavy member would get too little: in each window it competes with few. So every member gets its
        exact share over a full turn, which is 50 calls for each member.
        """
        members = len(self.members)
        stays = self._stays.get(size)
        if stays is None:
            prefix = self.prefix
            stays = tuple(accumulate(prefix[at + size] - prefix[at] for at in range(members)))
            self._stays[size] = stays
        turn = CALLS_PER_SLIDE * members
        return bisect_right(stays, (turns % turn + 0.5) / turn * stays[-1], 0, members - 1)


NOBODY = Spread((), (), narrow=False)
