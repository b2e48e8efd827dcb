"""The decision: to which instance of a service one call goes, and why. The live path and ``explain`` both run it."""

from __future__ import annotations

from typing import Callable, FrozenSet, Optional

from . import reason, telling
from .call import Call, Decision, Local
from .group import CLEAR, FAILED, Standing
from .index import Index
from .plan import Plan
from .spread import NOBODY
from .steps import choose_destination, lane_step, route_step, zone_step
from .trace import Trace, in_words
from .work import Left, Work

__all__ = ["Call", "Decision", "Local", "Trace", "decide"]

_NONE: FrozenSet[str] = frozenset()
_MOST_PLANS = 1024  # colours are part of their keys, and whoever sends requests chooses colours


def decide(
    index: Index,
    call: Call,
    local: Local,
    draw: Callable[[], float],
    now: float,
    zone: Optional[str] = None,
    trace: Optional[Trace] = None,
    exclude: FrozenSet[str] = _NONE,
) -> Decision:
    """Where a call goes: a pure function of its arguments and of what `local` and `draw` answer.

    `draw` answers numbers in [0, 1), `now` is in epoch seconds, `zone` is the caller's own ``zone`` tag, and `exclude`
    has the ids of the instances that this call has tried. `trace`, if given, is filled with the reasons in words.

    What the steps of DESIGN 9.1 up to the pick leave for a kind of call is kept as a plan for as long as it is true.
    """
    plan = call.plan
    if (
        plan is not None
        and plan.index is index
        and plan.since <= now < plan.until  # `Plan.holds` written out: this is the way of almost every call
        and plan.warmup_default == local.warmup_default
        and (plan.seat is None or plan.seat == (local.place, local.offset))
        and plan.zone is zone
        and trace is None
        and not (exclude or local.avoid or local.draining)
    ):
        return plan.only or plan.choose(local, call.window, draw)  # what `choose` begins with, without the call
    table = index.rules.routes.get(call.service)
    chosen = None if table is None else choose_destination(table, call.facts, draw)
    standing = _standing(index, call, local, now, exclude) if exclude or local.avoid or local.draining else CLEAR
    key = (call.service, call.protocol, call.tls, call.colour, zone, chosen and chosen.key, standing)
    plan = index.plans.get(key)
    if plan is None or trace is not None or not plan.holds(now, local):
        pool = index.pool(call.service, call.protocol, call.tls)
        plan = _prepare(Work(index, call, local, now, zone, trace, pool, standing, chosen))
        if trace is not None:
            return _traced(plan, call, local, draw, trace)
        if len(index.plans) >= _MOST_PLANS:
            index.plans = {}
        index.plans[key] = plan
    if table is None and standing is CLEAR:  # the request has no say in it: the same for each call of this kind
        call.plan = plan
    return plan.choose(local, call.window, draw)


def _prepare(work: Work) -> Plan:
    """All steps but the pick."""
    call, pool, now, local = work.call, work.pool, work.now, work.local
    if work.trace is not None:
        telling.of_protocol(work, work.trace)
    chain = work.mesh.chain(call.service, call.colour, now)
    if not pool.instances and pool.others:
        left = routed = Left(None, 0, (), (), reason.PROTOCOL)
    else:
        routed = route_step(work, lane_step(work, chain))
        left = zone_step(work, routed)
    if left.group is None or routed.group is None:
        none = Decision(call.service, left.reason, None, "", left.lane, "", left.refused)
        return Plan(work.mesh, work.zone, (chain.since, chain.until), local.warmup_default, None, NOBODY, none)
    wide, frame = work.frame(routed.group), work.frame(left.group)
    spread = frame.spread(left.tier, work.standing, local.place, local.offset)
    code = reason.RETRY if work.standing.tried else reason.EJECTED if left.tier == FAILED else left.reason
    return Plan(
        work.mesh,
        work.zone,
        (max(wide.since, frame.since, chain.since), min(wide.until, frame.until, chain.until)),
        local.warmup_default,
        (local.place, local.offset) if spread.narrow else None,
        spread,
        Decision(call.service, code, None, left.group.identity, left.lane, left.group.target, refused=False),
    )


def _traced(plan: Plan, call: Call, local: Local, draw: Callable[[], float], trace: Trace) -> Decision:
    """The pick, with the words for those that the arc and the window left out."""
    spread = plan.spread
    begin, size = plan.window(local, call.window)
    trace.left(spread.members, lambda _: "outside the arc of %d of this caller" % len(spread.members))
    trace.left(spread.round[begin : begin + size], lambda _: "outside the window of %d that is in use now" % size)
    decision = plan.choose(local, call.window, draw)
    trace.kept("in lane " + in_words(decision.lane) if decision.lane else "baseline")
    return decision


def _standing(index: Index, call: Call, local: Local, now: float, exclude: FrozenSet[str]) -> Standing:
    """What is held against instances that this call could reach."""
    ids = index.pool(call.service, call.protocol, call.tls).ids
    if not exclude and ids.isdisjoint(local.avoid) and ids.isdisjoint(local.draining):
        return CLEAR
    # The tuples are taken in one step of the interpreter: other threads write to these mappings.
    ejected = frozenset(one for one, until in tuple(local.avoid.items()) if until > now and one in ids)
    draining = frozenset(one for one, until in tuple(local.draining.items()) if until > now and one in ids)
    return Standing(ejected, draining, exclude)
