"""The prepared outcome of a decision's steps, from which each call of the same kind is picked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict, Optional, Tuple

from .aperture import window_size
from .call import Decision, Local
from .pick import pick
from .spread import Spread

if TYPE_CHECKING:
    from .index import Index

Seat = Tuple[Optional[Tuple[int, int]], float]
"""``Local.place`` and ``Local.offset``: what an arc depends on."""


class Plan:
    """Where calls of one kind go during a stretch of time in which nothing changes it.

    `answer` is the decision with the instance still to be filled in, or as it is if nobody is left.
    """

    __slots__ = (
        "_decisions", "_even", "answer", "index", "only", "seat", "since", "spread", "until", "warmup_default", "zone",
    )  # fmt: skip

    def __init__(
        self, index: Index, zone: Optional[str], true: Tuple[float, float], warmup_default: float, seat: Optional[Seat],
        spread: Spread, answer: Decision,
    ) -> None:  # fmt: skip
        self.index = index
        self.zone = zone
        self.since, self.until = true
        self.warmup_default = warmup_default  # seconds; the weights were made with it
        self.seat = seat  # the arc was made for it; None: no arc
        self.spread = spread
        self.answer = answer
        # By position in ``spread.round``, made when first chosen: a set may have thousands.
        self._decisions: Dict[int, Decision] = {}
        members = len(spread.members)
        self._even = members if members and not spread.narrow and len(set(spread.weights)) == 1 else 0
        self.only: Optional[Decision] = None
        """The decision of every call, where there is nothing to choose."""
        if members <= 1:
            self.only = self._decision(0) if members else answer

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
        if self.only is not None:
            return self.only
        size = self._even
        if size and (cap is None or cap >= size):  # what `pick` does, among equals and without a window
            members, inflight = self.spread.members, local.inflight
            at = int(draw() * size)
            load = inflight.get(members[at].id)
            if load:
                other = int(draw() * size)
                if len(inflight.get(members[other].id, ())) < len(load):
                    at = other
            return self._decisions.get(at) or self._decision(at)
        spread = self.spread
        begin, size = 0, len(spread.members)
        if spread.narrow or (cap is not None and cap < size):
            begin, size = self.window(local, cap)
        at = pick(spread.round, spread.weights, spread.prefix, begin, begin + size, draw, local.inflight)
        return self._decisions.get(at) or self._decision(at)

    def _decision(self, at: int) -> Decision:
        new = self._decisions[at] = self.answer._replace(instance=self.spread.round[at])
        return new
