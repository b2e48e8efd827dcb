"""The steps of a decision between the name and the pick: live and lane, rule, zone. Each narrows what the last left."""

from __future__ import annotations

from typing import Callable, Optional

from . import reason, telling
from .group import FAILED, LEAVING, SERVING
from .lanes import Chain
from .match import Facts, holds
from .rules import RouteRule, RouteTable
from .work import Chosen, Left, Work

TIERS = (SERVING, LEAVING, FAILED)


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
        telling.of_lane(work, work.trace, chain, left)
    return left


def route_step(work: Work, left: Left) -> Left:
    """The destination that was drawn, among what the lane left."""
    if work.trace is not None:
        telling.of_rules(work, work.trace)
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
        telling.of_destination(work, work.trace, rule, tags, after)
    return after


def choose_destination(table: RouteTable, facts: Facts, draw: Callable[[], float]) -> Optional[Chosen]:
    """The first rule whose ``when`` holds, and one of its destinations by weight, drawn for each call anew."""
    rule = next((rule for rule in table.candidates(facts) if holds(rule.when, facts)), None)
    if rule is None or not rule.to:
        return None
    point = draw() * sum(destination.weight for destination in rule.to) if len(rule.to) > 1 else 0
    for at, destination in enumerate(rule.to):
        if point < destination.weight:
            return Chosen(rule, at)
        point -= destination.weight
    return None  # all of them have weight 0: nothing is drawn


def zone_step(work: Work, left: Left) -> Left:
    """The caller's own zone, while it holds enough of what is left."""
    if work.zone is None or left.group is None:
        return left
    share = work.frame(left.group).in_zone(left.tier, work.standing, work.zone)
    if not share.inside or not share.outside:
        return left
    after = left
    if share.enough:
        group = work.pool.group(left.lane, left.tags, work.zone)
        code = reason.ZONE if left.reason == reason.BASELINE else left.reason
        after = left._replace(group=group, reason=code)
    if work.trace is not None:
        telling.of_zone(work, work.trace, share, after)
    return after


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
