"""Which colour a request gets where it enters this process: incoming, entered lane, or own tags."""

from __future__ import annotations

from typing import Callable, FrozenSet, Mapping, NamedTuple, Optional, Tuple

from .colour import clean, merge, routing
from .match import Facts, holds
from .model import Pairs
from .rules import Enter, Lane, RuleSet
from .sticky import inside
from .trace import Trace, in_words, why

ALL = 100  # percent


class _Prepared(NamedTuple):
    """What `admit` needs of the rules for one service; kept because it is the same for every request."""

    rules: RuleSet
    service: Optional[str]
    namespace: str
    own_tags: Mapping[str, str]
    reserved: FrozenSet[str]
    own: Pairs
    entries: Tuple[Tuple[Lane, Tuple[Enter, ...]], ...]


# A process is one service with one rule set in force, so one place is enough. It is a memo of a pure function:
# whichever thread writes last, the value belongs to the arguments stored beside it.
_last: Optional[_Prepared] = None


def admit(  # noqa: PLR0913, PLR0917 - the whole question, and nothing that could be derived
    rules: RuleSet,
    service: Optional[str],
    namespace: str,
    own_tags: Mapping[str, str],
    incoming: Pairs,
    trusted: bool,
    facts: Facts,
    draw: Callable[[], float],
    now: float,
    trace: Optional[Trace] = None,
) -> Pairs:
    """The whole colour of a request that came in: the first of these that has a routing part gives it, whole.

    1. The incoming colour, if trusted. 2. A lane entered here, by (priority, name). 3. Own reserved tags.
    Other keys of a trusted incoming colour are carried along; of one that is not trusted nothing is used, neither as
    a colour nor as a fact. `incoming` is `clean`; `draw` answers a number in [0, 1); `now` is in epoch seconds.
    """
    prepared = _last
    if (
        prepared is None
        or prepared.rules is not rules
        or prepared.own_tags is not own_tags
        or prepared.service != service
        or prepared.namespace != namespace
    ):
        prepared = _prepare(rules, service, namespace, own_tags)
    if incoming:
        if not trusted:
            incoming, facts = (), _Uncoloured(facts)
        elif routing(incoming, prepared.reserved):
            if trace is not None:
                trace.rule("incoming colour", True, "a trusted %s keeps its lane" % in_words(incoming))
            return incoming
    for lane, ways in prepared.entries:
        if _open(lane, now, trace) and _entered(lane, ways, facts, draw, trace):
            return merge(lane.tags, incoming)
    return merge(prepared.own, incoming)


def own_colour(rules: RuleSet, namespace: str, own_tags: Mapping[str, str]) -> Pairs:
    """The colour of calls that belong to no request: the reserved ones among the own tags."""
    return routing(clean(own_tags.items())[0], rules.reserved_keys(namespace))


def _prepare(rules: RuleSet, service: Optional[str], namespace: str, own_tags: Mapping[str, str]) -> _Prepared:
    global _last  # noqa: PLW0603 - the memo described above
    lanes = sorted(
        (lane for group in rules.lanes.values() for lane in group), key=lambda lane: (lane.priority, lane.name)
    )
    entries = [(lane, tuple(way for way in lane.enter if service in way.at)) for lane in lanes]
    _last = prepared = _Prepared(
        rules,
        service,
        namespace,
        own_tags,
        rules.reserved_keys(namespace),
        own_colour(rules, namespace, own_tags),
        tuple((lane, ways) for lane, ways in entries if ways),
    )
    return prepared


def _open(lane: Lane, now: float, trace: Optional[Trace]) -> bool:
    expired = lane.expires is not None and now >= lane.expires
    if trace is not None and (expired or lane.paused):
        trace.rule("Lane " + lane.name, False, "it has expired" if expired else "it is paused: nobody new enters")
    return not expired and not lane.paused


def _entered(
    lane: Lane, ways: Tuple[Enter, ...], facts: Facts, draw: Callable[[], float], trace: Optional[Trace]
) -> bool:
    for way in ways:
        entered = holds(way.when, facts) and _drawn(lane, way, facts, draw)
        if trace is not None:
            met, words = why(way.when, facts)
            if met and way.percent < ALL:
                words += ", but outside" if not entered else ", inside"
                words += " the %g percent" % way.percent
            trace.rule("Lane %s enter[%d]" % (lane.name, lane.enter.index(way)), entered, words)
        if entered:
            return True
    return False


def _drawn(lane: Lane, way: Enter, facts: Facts, draw: Callable[[], float]) -> bool:
    """Whether the percentage lets this request in."""
    if way.percent >= ALL:
        return True
    value = None if way.sticky is None else facts.get(way.sticky.kind, way.sticky.key)
    return draw() * ALL < way.percent if value is None else inside(lane.name, value, way.percent)


class _Uncoloured(Facts):
    """The facts of a request whose colour is not trusted: conditions do not see it either."""

    __slots__ = ("_facts",)

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def get(self, kind: str, key: str) -> Optional[str]:
        return None if kind == "colour" else self._facts.get(kind, key)
