"""The prepared outcome of a decision's steps, from which each call of the same kind is picked."""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Optional, Tuple

from .aperture import window_size
from .call import Decision, Local
from .pick import pick
from .spread import Spread

Seat = Tuple[Optional[Tuple[int, int]], float]
"""``Local.place`` and ``Local.offset``: what an arc depends on."""


class Plan(NamedTuple):
    """Where calls of one kind go during a stretch of time in which nothing changes it."""

    since: float
    until: float
    warmup_default: float  # seconds; the weights were made with it
    seat: Optional[Seat]  # the arc was made for it; None: no arc
    spread: Spread
    answer: Decision  # with the instance still to be filled in; the answer itself if nobody is left
    decisions: Dict[int, Decision]  # by position in ``spread.round``, made when first chosen: a set may have thousands

    def holds(self, now: float, local: Local) -> bool:
        """Whether it is true at `now` for what this process knows."""
        return (
            self.since <= now < self.until
            and self.warmup_default == local.warmup_default
            and (self.seat is None or self.seat == (local.place, local.offset))
        )

    def window(self, local: Local, cap: Optional[int]) -> Tuple[int, int]:
        """Which members are in use now: from the first number on, as many as the second says."""
        spread = self.spread
        members = len(spread.members)
        size = window_size(members, local.peak(self.answer.group) if spread.narrow else 0, cap, narrow=spread.narrow)
        return (0, members) if size >= members else (spread.begin(size, local.turns(self.answer.group)), size)

    def choose(self, local: Local, cap: Optional[int], draw: Callable[[], float]) -> Decision:
        """One call's share of it; `cap` is ``Call.window``."""
        spread = self.spread
        begin, size = 0, len(spread.members)
        if not size:
            return self.answer
        if spread.narrow or (cap is not None and cap < size):
            begin, size = self.window(local, cap)
        at = pick(spread.round, spread.weights, spread.prefix, begin, begin + size, draw, local.inflight)
        decision = self.decisions.get(at)
        if decision is None:
            decision = self.decisions[at] = self.answer._replace(instance=spread.round[at])
        return decision
