"""The steps of a decision between the name and the pick: live and lane, rule, zone. Each narrows what the last left."""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional, Tuple

from . import reason
from .call import Call, Local
from .group import FAILED, LEAVING, SERVING, Frame, Group, Standing, tier_of
from .index import Index
from .lanes import Chain
from .match import Facts, holds
from .model import DRAINING, READY, Instance, Pairs
from .pool import Pool, lane_of
from .rules import RouteRule, RouteTable
from .trace import Trace, in_words, why
from .zone import Share

TIERS = (SERVING, LEAVING, FAILED)


class Chosen(NamedTuple):
    """The Route rule that matched a call and the destination that was drawn from it."""

    rule: RouteRule
    at: int  # position in the rule's ``to``

    @property
    def key(self) -> Tuple[str, int, int]:
        """What tells it from the others of its service."""
        return self.rule.name, self.rule.number, self.at


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


class Left(NamedTuple):
    """What the steps so far left: one tier of one group, or nothing."""

    group: Optional[Group]
    tier: int
    lane: Pairs
    tags: Pairs  # of the drawn destination
    reason: str
    refused: bool = False


def lane_step(work: Work, chain: Chain) -> Left:
    """The first lane of the chain that has living instances; draining ones only if no lane has others."""
    none = reason.LANE_STRICT if chain.strict else reason.NO_INSTANCE
    left = Left(None, SERVING, chain.routing, (), none, chain.strict)
    # The whole chain is gone through for each tier: a lane whose only instance drains falls back, but where there is
    # nothing to fall back to, as under `strict` or in a baseline that restarts, the draining ones serve on.
    for tier, lane in ((tier, lane) for tier in TIERS for lane in chain.lanes):
        group = work.pool.group(lane)
        if group is not None and work.frame(group).live(tier, work.standing):
            code = reason.LANE if lane == chain.routing else reason.LANE_FALLBACK
            left = Left(group, tier, lane, (), code if chain.routing else reason.BASELINE)
            break
    if work.trace is not None:
        _trace_lane(work, work.trace, chain, left)
    return left


def route_step(work: Work, left: Left) -> Left:
    """The destination that was drawn, among what the lane left."""
    if work.trace is not None:
        _trace_rules(work, work.trace)
    if work.chosen is None or left.refused:
        return left
    rule = work.chosen.rule
    tags = rule.to[work.chosen.at].tags
    after = _else(work, rule, left)
    if left.group is not None:
        group = work.pool.group(left.lane, tags)
        # Before a call is rejected, instances that drain or failed a moment ago are good enough.
        tier = work.best(group, TIERS if rule.otherwise == "reject" else (left.tier,))
        if tier is not None:
            after = Left(group, tier, left.lane, tags, reason.route(rule.name))
    if work.trace is not None:
        live = () if after.group is None else work.frame(after.group).live(after.tier, work.standing)
        drawn = "the rule %s drew %s" % (rule.name, in_words(tags))
        if after.tags != tags:
            drawn += ", which has no instance: else %s" % rule.otherwise
        work.trace.narrowed(live, lambda _: drawn)
    return after


def choose_destination(table: RouteTable, facts: Facts, draw: Callable[[], float]) -> Optional[Chosen]:
    """The first rule whose ``when`` holds, and one of its destinations by weight, drawn for each call anew."""
    rule = next((rule for rule in table.candidates(facts) if holds(rule.when, facts)), None)
    if rule is None or not rule.to:
        return None
    if len(rule.to) == 1:
        return Chosen(rule, 0)
    point = draw() * sum(destination.weight for destination in rule.to)
    for at, destination in enumerate(rule.to):
        point -= destination.weight
        if point < 0:
            return Chosen(rule, at)
    return Chosen(rule, len(rule.to) - 1)


def zone_step(work: Work, left: Left) -> Left:
    """The caller's own zone, while it holds enough of what is left."""
    if work.zone is None or left.group is None:
        return left
    share = work.frame(left.group).in_zone(left.tier, work.standing, work.zone)
    if not share.inside or not share.outside:
        return left
    group = work.pool.group(left.lane, left.tags, work.zone)
    if work.trace is not None:
        _trace_zone(work, work.trace, left, group, share)
    if group is None or not share.enough:
        return left
    return left._replace(group=group, reason=reason.ZONE if left.reason == reason.BASELINE else left.reason)


def _else(work: Work, rule: RouteRule, left: Left) -> Left:
    """What an empty destination leaves."""
    if rule.otherwise == "reject":
        return Left(None, SERVING, left.lane, (), reason.rejected(rule.name), refused=True)
    if rule.otherwise == "baseline" and left.lane:
        baseline = work.pool.group(())
        tier = work.best(baseline, TIERS)
        code = reason.NO_INSTANCE if tier is None else reason.route(rule.name)
        return Left(None if tier is None else baseline, tier or SERVING, (), (), code)
    return left


def _trace_lane(work: Work, trace: Trace, chain: Chain, left: Left) -> None:
    if chain.document is not None:
        tried = ", then ".join(in_words(lane) for lane in chain.lanes) or "nothing"
        words = "the call is of %s; tried: %s" % (in_words(chain.routing), tried)
        words += ", then it is refused" if chain.strict else ""
        trace.rule("Lane " + chain.document, not chain.expired, words + (" (expired)" if chain.expired else ""))
    live = () if left.group is None else work.frame(left.group).live(left.tier, work.standing)
    reserved = work.mesh.rules.reserved_keys(work.call.service.partition("/")[0])
    trace.narrowed(live, lambda one: _why_not_lane(work, chain, left, one, lane_of(one, reserved)))


def _trace_rules(work: Work, trace: Trace) -> None:
    """The rules up to the one that decided."""
    table = work.mesh.rules.routes.get(work.call.service)
    for rule in () if table is None else table.rules:
        matched, words = why(rule.when, work.call.facts)
        trace.rule("Route %s rules[%d]" % (rule.name, rule.number), matched, words)
        if matched:
            break


def _trace_zone(work: Work, trace: Trace, left: Left, group: Optional[Group], share: Share) -> None:
    held = "zone %s holds %.0f %% of the living weight, needed %.0f %%"
    words = held % (work.zone, share.held * 100, share.needed * 100)
    trace.rule("zone", share.enough, words)
    if group is not None and share.enough:
        live = work.frame(group).live(left.tier, work.standing)
        trace.narrowed(live, lambda one: "in zone %s; %s" % (one.tags.get("zone", "-"), words))


def _why_not_lane(work: Work, chain: Chain, left: Left, one: Instance, lane: Pairs) -> str:
    tier = tier_of(one, work.standing)
    if lane not in chain.lanes or (tier is not None and tier <= left.tier and left.group is not None):
        where = "in lane " + in_words(lane) if lane else "baseline"
        return where + (", the call is of " + in_words(chain.routing) if chain.routing else ", the call is uncoloured")
    if one.id in work.standing.tried:
        return "tried already for this call"
    if one.id in work.standing.ejected:
        return "a connection to it failed a moment ago"
    if one.state == DRAINING or one.id in work.standing.draining:
        return "draining"
    return "not ready yet" if one.state != READY else "not needed"
