"""What holds for every decision, whatever rules, instances and observations there are."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, Dict, List, Mapping, Optional, Tuple

from hypothesis import given, settings
from hypothesis import strategies as st

from meshrun.core.index import Index, Snapshot
from meshrun.core.match import NoFacts, RequestFacts
from meshrun.core.model import DRAINING, READY, STARTING, Instance, Pairs, Vacancy
from meshrun.core.route import Call, Local, Trace, decide
from meshrun.core.rules import (
    EMPTY,
    Condition,
    Destination,
    Fallback,
    Lane,
    Lifecycle,
    RouteRule,
    RouteTable,
    RuleSet,
    Source,
)

ORDERS = "default/orders"
RESERVED = frozenset(["lane", "featureenv", "stage"])
NOW = 10_000.0
FEW = settings(max_examples=150)

LANES: List[Dict[str, str]] = [{}, {}, {"lane": "a"}, {"lane": "a"}, {"lane": "b"}, {"featureenv": "a"}, {"stage": "a"}]
LANES += [{"lane": "a", "stage": "b"}]
FREE: List[Dict[str, str]] = [{}, {"version": "a"}, {"version": "b", "zone": "a"}, {"zone": "a"}, {"zone": "b"}]
TAGS = [{**lane, **free} for lane in LANES for free in FREE]
MOMENTS = [None, None, NOW - 1, NOW, NOW + 0.25, NOW + 1]


def pairs(tags: Mapping[str, str]) -> Pairs:
    return tuple(sorted(tags.items()))


def variety() -> List[Instance]:
    """Instances of all sorts, most of them usable."""
    chance = random.Random(11)
    return [
        Instance(
            "",
            ORDERS,
            "10.0.0.1",
            0,
            protocol=chance.choice(["http"] * 5 + ["grpc"]),
            tags=chance.choice(TAGS),
            weight=chance.choice([1, 100, 10_000]),
            started=chance.choice([0.0, NOW - 5, NOW + 5]),
            state=chance.choice([READY] * 5 + [DRAINING, STARTING]),
            alive=chance.random() < 0.9,
        )
        for _ in range(400)
    ]


def numbered(fleet: List[Instance]) -> Tuple[Instance, ...]:
    return tuple(one._replace(id="i%d" % slot, port=8000 + slot, slot=slot) for slot, one in enumerate(fleet))


def lane(at: int, tags: Mapping[str, str], chain: Tuple[str, ...], own: Any, expires: Optional[float]) -> Lane:
    return Lane(
        "l%d" % at, "default", pairs(tags) or (("lane", "a"),), at, (), Fallback(chain, own), expires, paused=False
    )


def rule(at: int, when: Any, to: List[Tuple[Dict[str, str], int]], otherwise: str) -> RouteRule:
    return RouteRule(
        "r%d" % at, at, when, tuple(Destination(pairs(tags), one) for tags, one in to), otherwise, "request"
    )


def rule_set(lanes: List[Any], routes: List[Any], lifecycles: Dict[str, Lifecycle]) -> RuleSet:
    table = RouteTable([rule(at, *some) for at, some in enumerate(routes)])
    return EMPTY._replace(
        reserved={"default": RESERVED},
        lanes={"default": tuple(lane(at, *some) for at, some in enumerate(lanes))},
        routes={ORDERS: table} if table.rules else {},
        lifecycles=lifecycles,
    )


FLEETS = st.lists(st.sampled_from(variety()), max_size=24).map(numbered)
LANE_TAGS = st.sampled_from(LANES)
CHAINS = st.sampled_from(
    [("baseline",), ("strict",), ("l1", "baseline"), ("l2", "l1", "strict"), ("l0", "gone", "baseline")]
)
WHENS = st.sampled_from([((),), (), ((Condition(Source("header", "x-debug"), "exact", "1"),),)])
SOME_LANES = st.lists(
    st.tuples(LANE_TAGS, CHAINS, st.sampled_from([{}, {ORDERS: ("strict",)}]), st.sampled_from(MOMENTS)), max_size=3
)
ITEMS = st.tuples(st.sampled_from(TAGS), st.integers(0, 3))
SOME_ROUTES = st.lists(
    st.tuples(WHENS, st.lists(ITEMS, max_size=2), st.sampled_from(["any", "baseline", "reject"])), max_size=2
)
RULE_SETS = st.builds(rule_set, SOME_LANES, SOME_ROUTES, st.sampled_from([{}, {ORDERS: Lifecycle(warmup_seconds=10)}]))
VACANCIES = st.lists(
    st.builds(
        Vacancy, st.just(ORDERS), LANE_TAGS.map(pairs), st.integers(0, 40), st.sampled_from([NOW, NOW + 0.5, NOW + 9])
    ),
    max_size=5,
)
SNAPSHOTS = st.builds(
    lambda found, fleet, vacancies: Snapshot(found, {ORDERS: fleet}, tuple(vacancies)), RULE_SETS, FLEETS, VACANCIES
)
IDS = st.sampled_from(["i%d" % slot for slot in range(24)])


class Seen(Local):
    """A process that has observed anything; a value, so that a decision can be repeated."""

    def __init__(self, avoid: Dict[str, float], draining: Dict[str, float], place: Any, numbers: List[int]) -> None:
        self.avoid, self.draining, self.place = avoid, draining, place
        self.offset = numbers[0] / 10
        self.warmup_default = float(numbers[1])
        self._numbers = numbers
        self.inflight = {"i%d" % slot: range(numbers[slot % len(numbers)]) for slot in range(24)}

    def turns(self, group: str) -> int:
        return self._numbers[2] * 37

    def peak(self, group: str) -> int:
        return self._numbers[3]


UNTIL = st.dictionaries(IDS, st.sampled_from([NOW - 1, NOW + 0.5, NOW + 60]), max_size=6)
LOCALS = st.builds(
    Seen,
    UNTIL,
    UNTIL,
    st.sampled_from([None, (0, 1), (2, 5), (7, 40)]),
    st.lists(st.integers(0, 9), min_size=4, max_size=4),
)
COLOURS = st.sampled_from([pairs({**lane, **free}) for lane in LANES for free in ({}, {"user": "7"})])


class Asked:
    """All arguments of one decision but the index."""

    def __init__(self, colour: Pairs, debug: Optional[str], local: Seen, rest: Tuple[Any, ...]) -> None:
        seed, self.moment, self.zone, window, exclude = rest
        self.seed, self.local, self.exclude = seed, local, frozenset(exclude)
        header = {} if debug is None else {"x-debug": debug}
        facts = RequestFacts("GET", "/", "orders", header.get, colour, {}, None, ORDERS)
        self.call = Call(ORDERS, "http", False, colour, facts, window)

    def of(self, index: Index, trace: Optional[Trace] = None) -> Any:
        chance = random.Random(self.seed).random
        return decide(index, self.call, self.local, chance, self.moment, self.zone, trace, self.exclude)


REST = st.tuples(
    st.integers(0, 2**32),
    st.sampled_from([NOW, NOW + 0.3, NOW + 0.99, NOW + 1, NOW + 70]),
    st.sampled_from([None, "a", "b", "c"]),
    st.sampled_from([None, None, 0, 3, 30]),
    st.lists(IDS, max_size=2),
)
ASKED = st.builds(Asked, COLOURS, st.sampled_from([None, "1"]), LOCALS, REST)
UNCOLOURED = st.builds(Asked, st.sampled_from([(), (("user", "7"),)]), st.sampled_from([None, "1"]), LOCALS, REST)


@settings(max_examples=400)
@given(SNAPSHOTS, UNCOLOURED)
def test_an_uncoloured_request_never_reaches_a_lane_instance(snapshot: Snapshot, asked: Asked) -> None:
    instance = asked.of(Index(snapshot)).instance
    assert instance is None or not RESERVED & set(instance.tags)


def lane_of(instance: Instance) -> Pairs:
    return tuple(pair for pair in pairs(instance.tags) if pair[0] in RESERVED)


def allowed(snapshot: Snapshot, routing: Pairs, now: float) -> Tuple[List[Pairs], bool]:
    """The contract in the plainest words: which lanes may serve, in order, and whether nothing means refusal."""
    lanes = snapshot.rules.lanes["default"]
    same = [one for one in lanes if one.tags == routing]
    living = [one for one in same if one.expires is None or one.expires > now]
    if not routing:
        return [()], False
    if not same:
        return [routing, ()], False
    document = (living or same)[0]
    found = [routing] if living else []
    names = document.fallback.by_service.get(ORDERS, document.fallback.default)
    for name in names[:-1]:
        found += [one.tags for one in lanes if one.name == name and (one.expires is None or one.expires > now)]
    return ([*found, ()], False) if names[-1] == "baseline" else (found, True)


@settings(max_examples=400)
@given(SNAPSHOTS, COLOURS, st.integers(0, 2**32))
def test_a_coloured_request_reaches_its_lane_or_what_fallback_says(
    snapshot: Snapshot, colour: Pairs, seed: int
) -> None:
    snapshot = snapshot._replace(rules=snapshot.rules._replace(routes={}))
    usable = [one for one in snapshot.instances[ORDERS] if one.alive and one.protocol == "http"]
    routing = tuple(pair for pair in colour if pair[0] in RESERVED)
    lanes, strict = allowed(snapshot, routing, NOW)
    call = Call(ORDERS, "http", False, colour, NoFacts())
    answer = decide(Index(snapshot), call, Local(), random.Random(seed).random, NOW)
    wanted: Optional[Pairs] = None
    for state in (READY, DRAINING):
        for lane in lanes:
            if wanted is None and any(one.state == state and lane_of(one) == lane for one in usable):
                wanted = lane
                expected = [one for one in usable if one.state == state and lane_of(one) == lane]
    if wanted is not None:
        assert answer.instance in expected
        assert answer.lane == wanted
        reason = "baseline" if not routing else "lane" if wanted == routing else "lane-fallback"
        assert answer.reason == reason
    elif not usable and any(one.alive for one in snapshot.instances[ORDERS]):
        assert (answer.instance, answer.reason, answer.refused) == (None, "protocol", False)
    else:
        assert (answer.instance, answer.refused) == (None, strict)
        assert answer.reason == ("lane-strict" if strict else "no-instance")


@FEW
@given(SNAPSHOTS, st.lists(ASKED, min_size=2, max_size=8))
def test_a_decision_does_not_depend_on_what_was_asked_before(snapshot: Snapshot, questions: List[Asked]) -> None:
    """The index keeps much between calls; an index that was just made gives the same answers."""
    shared = Index(snapshot)
    for asked in [*questions, *reversed(questions)]:
        assert asked.of(shared) == asked.of(Index(snapshot))


@FEW
@given(SNAPSHOTS, ASKED)
def test_an_explained_decision_is_the_live_one(snapshot: Snapshot, asked: Asked) -> None:
    index, trace = Index(snapshot), Trace()
    live = asked.of(index)
    assert asked.of(index, trace) == live
    assert len(trace.candidates) == len(snapshot.instances[ORDERS])
    kept = {address for address, kept, _ in trace.candidates if kept}
    assert (live.instance is None and not kept) or live.instance.endpoint in kept
    assert all(why for _, _, why in trace.candidates)


@FEW
@given(SNAPSHOTS, ASKED)
def test_the_next_try_ends_without_trying_an_instance_twice(snapshot: Snapshot, asked: Asked) -> None:
    index = Index(snapshot)
    asked.exclude = frozenset()
    for _ in range(30):
        answer = asked.of(index)
        if answer.instance is None:
            return
        assert answer.instance.id not in asked.exclude
        assert answer.instance.alive
        assert answer.instance.state in (READY, DRAINING)
        asked.exclude |= {answer.instance.id}
    raise AssertionError("it goes on for ever")


def counted(index: Index, calls: int, seed: int) -> Dict[str, int]:
    """Instances that so many calls of an idle process reach."""

    class Counting(Local):
        made = 0

        def turns(self, group: str) -> int:
            return self.made

    local, chance = Counting(), random.Random(seed).random
    counts: Dict[str, int] = Counter()
    call = Call(ORDERS, "http", False, (), NoFacts())
    for local.made in range(calls):
        instance = decide(index, call, local, chance, NOW).instance
        assert instance is not None
        counts[instance.id] += 1
    return counts


def assert_shares(weights: List[int], calls: int, counts: Dict[str, int], slack: float) -> None:
    """Each count is within five standard deviations of its binomial distribution."""
    for at, weight in enumerate(weights):
        share = weight / sum(weights)
        assert abs(counts.get("i%d" % at, 0) - calls * share) <= 5 * (calls * share * (1 - share)) ** 0.5 + slack


def weighted(weights: List[int]) -> Index:
    fleet = (Instance("i%d" % at, ORDERS, "10.0.0.1", 80, weight=one, slot=at) for at, one in enumerate(weights))
    return Index(Snapshot(EMPTY, {ORDERS: tuple(fleet)}))


@settings(max_examples=25, derandomize=True)
@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=15), st.integers(0, 2**32))
def test_shares_of_an_idle_caller_match_the_weights(weights: List[int], seed: int) -> None:
    assert_shares(weights, 5000, counted(weighted(weights), 5000, seed), 1)


@settings(max_examples=15, derandomize=True)
@given(st.lists(st.integers(1, 10_000), min_size=16, max_size=40), st.integers(0, 2**32))
def test_above_16_instances_they_match_over_full_turns_of_the_window(weights: List[int], seed: int) -> None:
    """A stay is a whole number of calls, which costs an instance at most one call per turn."""
    calls = 4 * 50 * len(weights)
    assert_shares(weights, calls, counted(weighted(weights), calls, seed), 4 * 2)


@settings(max_examples=25, derandomize=True)
@given(st.lists(st.integers(0, 100), min_size=2, max_size=4).filter(sum), st.integers(0, 2**32))
def test_a_split_is_met_by_every_caller(parts: List[int], seed: int) -> None:
    fleet = tuple(
        Instance("i%d" % at, ORDERS, "10.0.0.1", 80, tags={"version": "v%d" % at}) for at in range(len(parts))
    )
    to = tuple(Destination((("version", "v%d" % at),), part) for at, part in enumerate(parts))
    found = EMPTY._replace(routes={ORDERS: RouteTable([RouteRule("split", 0, ((),), to, "any", "request")])})
    assert_shares(parts, 5000, counted(Index(Snapshot(found, {ORDERS: fleet})), 5000, seed), 1)
