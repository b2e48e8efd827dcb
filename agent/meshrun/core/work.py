"""What the steps of a decision share, and what each of them leaves."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from .call import Call, Local
from .group import Frame, Group, Standing
from .index import Index
from .model import Instance, Pairs
from .pool import Pool
from .rules import RouteRule
from .trace import Trace


class Chosen(NamedTuple):
    """The Route rule that matched a call and the destination that was drawn from it."""

    rule: RouteRule
    at: int  # position in the rule's ``to``

    @property
    def key(self) -> Tuple[str, int, int]:
        """What tells it from the others of its service."""
        return self.rule.name, self.rule.number, self.at


class Left(NamedTuple):
    """What the steps so far left: one tier of one group, or nothing."""

    group: Optional[Group]
    tier: int
    lane: Pairs
    tags: Pairs  # of the drawn destination
    reason: str
    refused: bool = False


class Work(NamedTuple):
    """The inputs of a decision that the steps share."""

    mesh: Index
    call: Call
    local: Local
    now: float
    zone: Optional[str]
    trace: Optional[Trace]
    pool: Pool
    standing: Standing
    chosen: Optional[Chosen]

    def frame(self, group: Group) -> Frame:
        """The group now."""
        return group.frame(self.now, self.local.warmup_default)

    def best(self, group: Optional[Group], tiers: Tuple[int, ...]) -> Optional[int]:
        """The best of these tiers in which the group has instances."""
        if group is None:
            return None
        frame = self.frame(group)
        return next((tier for tier in tiers if frame.live(tier, self.standing)), None)

    def live(self, left: Left) -> Tuple[Instance, ...]:
        """The instances of what is left."""
        return () if left.group is None else self.frame(left.group).live(left.tier, self.standing)
