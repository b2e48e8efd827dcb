"""What this process observed of its peers: calls in flight, failures, drains. `core.route.decide` only reads it.

In-flight counts are lengths of lists: append and pop are single operations of the interpreter, so threads share them
without a lock and a count cannot drift.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, List, Mapping, Optional, Tuple

from ..core import call
from ..core.model import DRAINING, Instance

EJECTED_SECONDS = 1.0
"""An endpoint that could not be reached is left out this long (DESIGN 9.3)."""
DRAINING_SECONDS = 60.0
"""An instance that said it drains is left out this long; by then its record says so too or is gone."""
MAX_GROUPS = 10000
MAX_LEFT = 1000
PEAK_WINDOW = 50
"""Calls of a group after which its remembered peak may fall."""


class Group:
    """Calls of this process to one drawn group (service, lane, destination)."""

    __slots__ = ("inflight", "peak", "turns")

    def __init__(self) -> None:
        self.inflight: List[None] = []
        self.peak = 0
        self.turns = 0

    def begin(self) -> None:
        """A call begins; lost updates of the plain integers between threads only blur the window's size."""
        self.inflight.append(None)
        now = len(self.inflight)
        self.turns += 1
        if now > self.peak or not self.turns % PEAK_WINDOW:
            self.peak = now

    def end(self) -> None:
        """A call ended."""
        if self.inflight:
            self.inflight.pop()


class Local(call.Local):
    """Observations by instance and by group."""

    def __init__(self, warmup_default: float = 0.0, offset: float = 0.0) -> None:
        self.inflight: Dict[str, List[None]] = {}
        self._groups: Dict[str, Group] = {}
        self.avoid: Dict[str, float] = {}  # instance id -> until, epoch seconds
        self.draining: Dict[str, float] = {}
        self.left: FrozenSet[str] = frozenset()
        """Endpoints that take no new call: what is idle there is closed. Another object whenever it changes."""
        self.place: Optional[Tuple[int, int]] = None
        self.offset = offset
        self.warmup_default = warmup_default

    def turns(self, group: str) -> int:
        """Calls of this process to that group so far."""
        known = self._groups.get(group)
        return known.turns if known is not None else 0

    def peak(self, group: str) -> int:
        """The highest number of calls to that group that were in flight together lately."""
        known = self._groups.get(group)
        return known.peak if known is not None else 0

    def calls(self, instance_id: str) -> List[None]:
        """The calls under way to that instance: append when one begins, pop when it ends."""
        known = self.inflight.get(instance_id)
        return known if known is not None else self.inflight.setdefault(instance_id, [])

    def group(self, name: str) -> Group:
        """What is counted of a group whose turns and peak somebody asks for."""
        known = self._groups.get(name)
        return known if known is not None else self._groups.setdefault(name, Group())

    def eject(self, instance_id: str, now: float) -> None:
        """It could not be reached: leave it out for a second."""
        self.avoid[instance_id] = now + EJECTED_SECONDS

    def drains(self, instance: Instance, now: float) -> None:
        """It said that it drains."""
        self.draining[instance.id] = now + DRAINING_SECONDS
        if instance.endpoint not in self.left:
            self.left |= {instance.endpoint}

    def moved(self, before: Mapping[str, Instance], after: Mapping[str, Instance]) -> None:
        """A new snapshot, by id: of those known `before`, who is not there any more, or drains, takes no new call."""
        came = {one.endpoint for name, one in after.items() if before.get(name) is not one and self._serves(one)}
        gone = {one.endpoint for name, one in before.items() if after.get(name) is not one} - came
        if gone:  # or changed only, or another instance has its place
            gone.difference_update(one.endpoint for one in after.values() if self._serves(one))
        left = (gone if len(self.left) > MAX_LEFT else self.left | gone) - came
        if left != self.left:
            self.left = frozenset(left)

    def _serves(self, instance: Instance) -> bool:
        return instance.alive and instance.state != DRAINING and instance.id not in self.draining

    def tidy(self, now: float, known: Mapping[str, object]) -> None:
        """Forget what has passed and instances that are gone."""
        for held in (self.avoid, self.draining):
            for instance_id, until in list(held.items()):
                if until <= now:
                    held.pop(instance_id, None)
        for instance_id, calls in list(self.inflight.items()):
            if instance_id not in known and not calls:
                self.inflight.pop(instance_id, None)
        if len(self._groups) > MAX_GROUPS:
            for group, stats in list(self._groups.items()):
                if not stats.inflight:
                    self._groups.pop(group, None)
