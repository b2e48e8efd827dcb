"""Which lanes may serve a colour, in which order, and whether a call is refused when none of them can."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from .model import Pairs
from .rules import BASELINE, STRICT, Lane, RuleSet

_FOREVER = float("inf")


class Chain(NamedTuple):
    """The lanes to try for one routing part of one service; ``()`` is the baseline."""

    routing: Pairs  # of the call; () if it is uncoloured
    lanes: Tuple[Pairs, ...]
    strict: bool  # nothing left: refuse the call
    document: Optional[str]  # name of the Lane whose `fallback` this is
    expired: bool  # that Lane has expired
    since: float
    until: float  # the chain holds from `since` until then (epoch seconds)


def chain(rules: RuleSet, service: str, routing: Pairs, now: float) -> Chain:
    """The lanes to try for a call to `service` (its key) whose colour has this routing part.

    First the lane itself, whether a document describes it or not; then the `fallback` of the first Lane document with
    these tags (no such document: the baseline). A Lane that has expired gets no call any more: colours under way go
    where its `fallback` says, and it serves no other lane's fallback either.
    """
    if not routing:
        return Chain((), ((),), False, None, False, -_FOREVER, _FOREVER)
    documents = rules.lanes.get(service.partition("/")[0], ())
    since, until = _steady(documents, now)
    same = [lane for lane in documents if lane.tags == routing]
    lane = next((lane for lane in same if not _expired(lane, now)), same[0] if same else None)
    if lane is None:
        return Chain(routing, (routing, ()), False, None, False, since, until)
    expired = _expired(lane, now)
    tried = [] if expired else [routing]
    for name in lane.fallback.by_service.get(service, lane.fallback.default):
        if name in (BASELINE, STRICT):
            break
        other = next((other for other in documents if other.name == name), None)
        if other is not None and not _expired(other, now) and other.tags not in tried:
            tried.append(other.tags)
    else:
        name = BASELINE
    if name == BASELINE:
        tried.append(())
    return Chain(routing, tuple(tried), name == STRICT, lane.name, expired, since, until)


def _expired(lane: Lane, now: float) -> bool:
    return lane.expires is not None and now >= lane.expires


def _steady(documents: Tuple[Lane, ...], now: float) -> Tuple[float, float]:
    """The stretch of time around `now` in which no Lane expires."""
    ends = [lane.expires for lane in documents if lane.expires is not None]
    before = [end for end in ends if end <= now]
    after = [end for end in ends if end > now]
    return max(before, default=-_FOREVER), min(after, default=_FOREVER)
