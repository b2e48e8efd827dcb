"""What a decision is asked and what it answers: a call, what this process has seen, and where the call goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping, NamedTuple, Optional, Sized, Tuple

from .match import Facts
from .model import Instance, Pairs

if TYPE_CHECKING:
    from .plan import Plan


class Call:
    """One outgoing call to a mesh service. Whoever makes the same call again may ask with the same object."""

    __slots__ = ("colour", "facts", "plan", "protocol", "service", "tls", "window")

    def __init__(
        self, service: str, protocol: str, tls: bool, colour: Pairs, facts: Facts, window: Optional[int] = None
    ) -> None:
        self.service = service  # service key
        self.protocol = protocol  # http | grpc
        self.tls = tls
        self.colour = colour
        self.facts = facts  # of the outgoing request
        self.window = window  # most instances of this service that the client can keep connections to; None: no cap
        self.plan: Optional[Plan] = None
        """The memo of `route.decide`, which alone reads and writes it."""


class Local:
    """What this process has observed. A decision only reads it; the runtime derives from it and counts."""

    __slots__ = ()

    warmup_default: float = 0.0
    """Seconds of warm-up of services whose Lifecycle names none."""
    inflight: Mapping[str, Sized] = {}
    """Instance id -> the calls of this process that are under way to it; their number counts."""
    avoid: Mapping[str, float] = {}
    """Instance id -> until when (epoch seconds) it is left out because a connection to it failed."""
    draining: Mapping[str, float] = {}
    """Instance id -> until when it is taken for draining because a response of its own said so."""
    place: Optional[Tuple[int, int]] = None
    """(i, M): this process is caller i of M, from 0, among the workers of its own service; None: not registered."""
    offset: float = 0.0
    """``aperture.offset`` of the own service, without one of something that only this process has."""

    def turns(self, group: str) -> int:  # noqa: ARG002 - the interface
        """Calls of this process so far that drew from a group (``Decision.group``)."""
        return 0

    def peak(self, group: str) -> int:  # noqa: ARG002 - the interface
        """The most calls that this process lately had in flight to a group."""
        return 0


class Decision(NamedTuple):
    """Where a call goes. No instance and not refused: it goes where the app sent it."""

    service: str  # service key
    reason: str  # a code of `reason`
    instance: Optional[Instance]
    group: str  # identity of the set that was drawn from, for `Local.turns`, `Local.peak` and metrics; "" if none
    lane: Pairs  # the lane that serves it; of a call that none serves, the lane that it wanted
    target: str  # the drawn destination of a Route, such as "version=v2", or ""
    refused: bool  # the hook raises the library's own connection error
