"""What is kept of one decision, so that the next call with the same outcome finds all of it at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Optional, Tuple, Union

from ..core.model import Instance
from ..core.route import Decision
from .local import Group, Local

if TYPE_CHECKING:
    from itertools import count

Dial = Tuple[Tuple[str, int], str, Optional[float]]
"""Address to dial, endpoint, seconds that an idle connection to it may be used again (None: not known)."""


class Leg:
    """The way to the instance of a decision: how it is dialled, the calls under way to it, their counters."""

    __slots__ = ("address", "calls", "counters", "decision", "endpoint", "group", "instance", "keepalive", "reason")

    def __init__(self, decision: Decision, instance: Instance, dial: Dial, local: Local, *, wide: bool) -> None:
        self.decision = decision
        self.instance = instance
        self.reason = decision.reason
        self.address, self.endpoint, self.keepalive = dial
        self.calls: List[None] = local.calls(instance.id)
        self.group: Optional[Group] = local.group(decision.group) if wide else None
        """Only of a set so large that a window over it asks for turns and peak."""
        self.counters: Dict[Union[int, str], count[int]] = {}
        """By status, or by what happened instead of one: the counter of calls that ended so."""

    def end(self) -> None:
        """A call ended: takes back what `Call._begin` did."""
        if self.calls:
            self.calls.pop()
        if self.group is not None:
            self.group.end()
