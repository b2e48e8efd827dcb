"""Tells a trace, in words, what each step of a decision did."""

from __future__ import annotations

from .group import tier_of
from .lanes import Chain
from .model import DRAINING, READY, Instance, Pairs
from .pool import lane_of
from .rules import RouteRule
from .trace import Trace, in_words, why
from .work import Left, Work
from .zone import Share


def of_protocol(work: Work, trace: Trace) -> None:
    """Which instances speak the call's protocol."""
    call = work.call
    asked = _spoken(call.protocol, call.tls)
    trace.start(work.mesh.instances(call.service))
    trace.left(
        work.pool.instances,
        lambda one: (
            "it speaks %s, the call is %s" % (_spoken(one.protocol, one.tls), asked)
            if one.alive
            else "its lease has expired"
        ),
    )


def of_lane(work: Work, trace: Trace, chain: Chain, left: Left) -> None:
    """Which lanes were tried, and what the lane step left."""
    if chain.routing:
        words = "the call is of %s" if chain.document else "no Lane has the tags %s"
        words = words % in_words(chain.routing) + "; tried: "
        words += ", then ".join(in_words(lane) for lane in chain.lanes) or "nothing"
        words += ", then it is refused" if chain.strict else ""
        name = "Lane " + chain.document if chain.document else "Lane"
        known = chain.document is not None and not chain.expired
        trace.rule(name, known, words + (" (expired)" if chain.expired else ""))
    reserved = work.mesh.rules.reserved_keys(work.call.service.partition("/")[0])
    trace.left(work.live(left), lambda one: _not_in_lane(work, chain, left, one, lane_of(one, reserved)))


def of_rules(work: Work, trace: Trace) -> None:
    """The Route rules up to the one that decided."""
    table = work.mesh.rules.routes.get(work.call.service)
    for rule in () if table is None else table.rules:
        matched, words = why(rule.when, work.call.facts)
        trace.rule("Route %s rules[%d]" % (rule.name, rule.number), matched, words)
        if matched:
            break


def of_destination(work: Work, trace: Trace, rule: RouteRule, tags: Pairs, after: Left) -> None:
    """What the drawn destination left."""
    drawn = "the rule %s drew %s" % (rule.name, in_words(tags) if tags else "all")
    if after.tags != tags:
        drawn += ", which has no instance: else %s" % rule.otherwise
    trace.left(work.live(after), lambda _: drawn)


def of_zone(work: Work, trace: Trace, share: Share, after: Left) -> None:
    """Whether the call stays in the caller's zone."""
    part = "holds %.0f %% of the living weight, needed %.0f %%" % (share.held * 100, share.needed * 100)
    words = "zone %s %s" % (work.zone, part)
    trace.rule("zone", share.enough, words)
    trace.left(work.live(after), lambda one: "in zone %s; %s" % (one.tags.get("zone", "-"), words))


def _not_in_lane(work: Work, chain: Chain, left: Left, one: Instance, lane: Pairs) -> str:
    tier = tier_of(one, work.standing)
    if lane not in chain.lanes or (left.group is not None and tier is not None and tier <= left.tier):
        where = "in lane " + in_words(lane) if lane else "baseline"
        return where + (", the call is of " + in_words(chain.routing) if chain.routing else ", the call is uncoloured")
    if one.id in work.standing.tried:
        return "tried already for this call"
    if one.id in work.standing.ejected:
        return "a connection to it failed a moment ago"
    if one.state == DRAINING or one.id in work.standing.draining:
        return "draining"
    return "not ready yet" if one.state != READY else "not needed"


def _spoken(protocol: str, tls: bool) -> str:
    return protocol + (" over TLS" if tls else "")
