"""The decision, step by step."""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple

import pytest

from meshrun.core.index import Index, Snapshot
from meshrun.core.match import Facts, NoFacts, RequestFacts
from meshrun.core.model import DRAINING, STARTING, Instance, Pairs, Vacancy
from meshrun.core.route import Call, Decision, Local, decide
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
    When,
)

ORDERS = "default/orders"
GRAY: Pairs = (("lane", "gray"),)
BLUE: Pairs = (("lane", "blue"),)
V1: Pairs = (("version", "v1"),)
V2: Pairs = (("version", "v2"),)
NOW = 10_000.0


def one(name: str, tags: Optional[Mapping[str, str]] = None, **fields: Any) -> Instance:
    return Instance(name, ORDERS, "10.0.0.1", 80, tags=tags or {}, **fields)


def lane(name: str, *fallback: str, expires: Optional[float] = None) -> Lane:
    return Lane(name, "default", (("lane", name),), 100, (), Fallback(fallback, {}), expires, paused=False)


def route(
    *to: Tuple[Pairs, int], when: When = ((),), otherwise: str = "any", name: str = "split", number: int = 0
) -> RouteRule:
    return RouteRule(name, number, when, tuple(Destination(*item) for item in to), otherwise, "request")


def rules(lanes: Tuple[Lane, ...] = (), routes: Tuple[RouteRule, ...] = (), **fields: Any) -> RuleSet:
    tables = {ORDERS: RouteTable(routes)} if routes else {}
    return EMPTY._replace(lanes={"default": lanes}, routes=tables, **fields)


class Seen(Local):
    """A process that has observed what a test says."""

    def __init__(
        self,
        avoid: Tuple[str, ...] = (),
        draining: Tuple[str, ...] = (),
        loads: Optional[Dict[str, int]] = None,
        turns: int = 0,
        peak: int = 0,
        place: Optional[Tuple[int, int]] = None,
    ) -> None:
        self.avoid = dict.fromkeys(avoid, NOW + 1)
        self.draining = dict.fromkeys(draining, NOW + 1)
        self.place = place
        self.inflight = {one: range(load) for one, load in (loads or {}).items()}
        self.now = turns
        self.most = peak

    def turns(self, group: str) -> int:
        return self.now

    def peak(self, group: str) -> int:
        return self.most


def asked(
    found: RuleSet,
    instances: List[Instance],
    colour: Pairs = (),
    *,
    local: Optional[Local] = None,
    draw: Callable[[], float] = lambda: 0.0,
    facts: Optional[Facts] = None,
    exclude: Tuple[str, ...] = (),
    protocol: str = "http",
    tls: bool = False,
) -> Decision:
    call = Call(ORDERS, protocol, tls, colour, facts or NoFacts(), None)
    return decide(indexed(found, instances), call, local or Local(), draw, NOW, None, None, frozenset(exclude))


def indexed(found: RuleSet, instances: List[Instance], vacancies: Tuple[Vacancy, ...] = ()) -> Index:
    return Index(Snapshot(found, {ORDERS: tuple(instances)}, vacancies))


def reached(
    found: RuleSet,
    instances: List[Instance],
    colour: Pairs = (),
    *,
    local: Optional[Local] = None,
    zone: Optional[str] = None,
    exclude: Tuple[str, ...] = (),
    window: Optional[int] = None,
    protocol: str = "http",
    tls: bool = False,
    vacancies: Tuple[Vacancy, ...] = (),
) -> Tuple[Set[str], Set[str]]:
    """All instances and reasons that 300 draws lead to."""
    index, chance = indexed(found, instances, vacancies), random.Random(1).random
    call = Call(ORDERS, protocol, tls, colour, NoFacts(), window)
    observed, tried = local or Local(), frozenset(exclude)
    answers = [decide(index, call, observed, chance, NOW, zone, None, tried) for _ in range(300)]
    return {one.instance.id for one in answers if one.instance is not None}, {one.reason for one in answers}


BASE = [one("b1"), one("b2")]
FLEET = [*BASE, one("g1", {"lane": "gray"})]


class TestLanes:
    def test_an_uncoloured_call_goes_to_the_baseline(self) -> None:
        assert reached(EMPTY, FLEET) == ({"b1", "b2"}, {"baseline"})

    def test_a_colour_without_reserved_keys_is_no_lane(self) -> None:
        assert reached(EMPTY, FLEET, (("user", "7"),)) == ({"b1", "b2"}, {"baseline"})

    def test_a_coloured_call_goes_to_its_lane(self) -> None:
        assert reached(EMPTY, FLEET, (("lane", "gray"), ("user", "7"))) == ({"g1"}, {"lane"})

    def test_an_unknown_lane_is_served_by_the_baseline(self) -> None:
        assert reached(EMPTY, FLEET, BLUE) == ({"b1", "b2"}, {"lane-fallback"})

    def test_an_instance_of_two_reserved_keys_is_in_neither_single_lane(self) -> None:
        both = one("x", {"lane": "gray", "featureenv": "f"})
        assert reached(EMPTY, [*BASE, both], GRAY)[0] == {"b1", "b2"}
        assert reached(EMPTY, [*BASE, both], (("featureenv", "f"), ("lane", "gray"))) == ({"x"}, {"lane"})

    def test_reserved_keys_are_those_of_the_services_namespace(self) -> None:
        staged = rules(reserved={"default": frozenset(["lane", "featureenv", "stage"])})
        fleet = [one("b"), one("s", {"stage": "x"})]
        assert reached(staged, fleet) == ({"b"}, {"baseline"})
        assert reached(EMPTY, fleet) == ({"b", "s"}, {"baseline"})
        assert reached(staged, fleet, (("stage", "x"),)) == ({"s"}, {"lane"})

    def test_strict_refuses(self) -> None:
        answer = asked(rules((lane("blue", "strict"),)), FLEET, BLUE)
        assert (answer.instance, answer.reason, answer.refused) == (None, "lane-strict", True)

    def test_strict_refuses_also_where_nothing_runs_at_all(self) -> None:
        assert asked(rules((lane("blue", "strict"),)), [], BLUE).refused

    def test_fallback_to_another_lane(self) -> None:
        answer = asked(rules((lane("blue", "gray", "baseline"), lane("gray"))), FLEET, BLUE)
        assert answer.instance is not None
        assert (answer.instance.id, answer.reason, answer.lane) == ("g1", "lane-fallback", GRAY)

    def test_an_expired_lane_serves_nobody(self) -> None:
        expired = rules((lane("gray", "baseline", expires=NOW),))
        assert reached(expired, FLEET, GRAY) == ({"b1", "b2"}, {"lane-fallback"})
        assert reached(expired, FLEET) == ({"b1", "b2"}, {"baseline"})

    def test_an_uncoloured_call_never_falls_into_a_lane(self) -> None:
        answer = asked(rules((lane("gray", "baseline"),)), [one("g1", {"lane": "gray"})])
        assert (answer.instance, answer.reason, answer.refused) == (None, "no-instance", False)


class TestLive:
    def test_another_protocol_leaves_the_call_alone(self) -> None:
        assert asked(EMPTY, BASE, protocol="grpc").reason == "protocol"
        assert asked(EMPTY, BASE, tls=True).reason == "protocol"

    def test_the_right_protocol_is_picked(self) -> None:
        fleet = [*BASE, one("t", tls=True), one("r", protocol="grpc")]
        assert reached(EMPTY, fleet, tls=True)[0] == {"t"}
        assert reached(EMPTY, fleet, protocol="grpc")[0] == {"r"}

    @pytest.mark.parametrize("instances", [[], [one("d", alive=False)], [one("s", state=STARTING)]])
    def test_nobody_there(self, instances: List[Instance]) -> None:
        answer = asked(EMPTY, instances)
        assert (answer.reason, answer.instance, answer.refused) == ("no-instance", None, False)

    def test_draining_instances_are_left_out(self) -> None:
        assert reached(EMPTY, [one("a"), one("d", state=DRAINING)])[0] == {"a"}

    def test_if_only_draining_ones_are_left_they_serve_on(self) -> None:
        assert reached(EMPTY, [one("d", state=DRAINING), one("s", state=STARTING)]) == ({"d"}, {"baseline"})

    def test_a_lane_that_drains_falls_back(self) -> None:
        fleet = [*BASE, one("g", {"lane": "gray"}, state=DRAINING)]
        assert reached(EMPTY, fleet, GRAY) == ({"b1", "b2"}, {"lane-fallback"})

    def test_a_strict_lane_that_drains_serves_on(self) -> None:
        fleet = [*BASE, one("g", {"lane": "gray"}, state=DRAINING)]
        assert reached(rules((lane("gray", "strict"),)), fleet, GRAY) == ({"g"}, {"lane"})

    def test_a_draining_baseline_serves_on_although_a_lane_is_ready(self) -> None:
        fleet = [one("b", state=DRAINING), one("g", {"lane": "gray"})]
        assert reached(EMPTY, fleet) == ({"b"}, {"baseline"})

    def test_what_said_it_drains_is_left_out(self) -> None:
        assert reached(EMPTY, BASE, local=Seen(draining=("b1",))) == ({"b2"}, {"baseline"})
        assert reached(EMPTY, BASE, local=Seen(draining=("b1", "b2"))) == ({"b1", "b2"}, {"baseline"})

    def test_what_failed_is_left_out(self) -> None:
        assert reached(EMPTY, BASE, local=Seen(avoid=("b1",))) == ({"b2"}, {"baseline"})

    def test_what_failed_a_while_ago_is_back(self) -> None:
        local = Seen(avoid=("b1",))
        local.avoid = {"b1": NOW}
        assert reached(EMPTY, BASE, local=local)[0] == {"b1", "b2"}

    def test_what_failed_elsewhere_changes_nothing(self) -> None:
        assert reached(EMPTY, BASE, local=Seen(avoid=("other",)))[0] == {"b1", "b2"}

    def test_what_drains_is_better_than_what_failed(self) -> None:
        fleet = [one("f"), one("d", state=DRAINING)]
        assert reached(EMPTY, fleet, local=Seen(avoid=("f",))) == ({"d"}, {"baseline"})

    def test_if_all_failed_they_are_tried_all_the_same(self) -> None:
        assert reached(EMPTY, BASE, local=Seen(avoid=("b1", "b2"))) == ({"b1", "b2"}, {"ejected"})

    def test_a_lane_that_failed_falls_back(self) -> None:
        assert reached(EMPTY, FLEET, GRAY, local=Seen(avoid=("g1",))) == ({"b1", "b2"}, {"lane-fallback"})

    def test_the_next_try_is_another_instance(self) -> None:
        assert reached(EMPTY, BASE, exclude=("b1",)) == ({"b2"}, {"retry"})
        assert reached(EMPTY, BASE, exclude=("b1", "b2")) == (set(), {"no-instance"})

    def test_the_next_try_of_a_lane_falls_back(self) -> None:
        assert reached(EMPTY, FLEET, GRAY, exclude=("g1",)) == ({"b1", "b2"}, {"retry"})
        assert asked(rules((lane("gray", "strict"),)), FLEET, GRAY, exclude=("g1",)).refused

    def test_the_next_try_does_not_go_to_what_failed(self) -> None:
        """Else each retry of the app would walk through all dead instances again."""
        assert reached(EMPTY, BASE, exclude=("b1",), local=Seen(avoid=("b1", "b2"))) == (set(), {"no-instance"})

    def test_the_next_try_goes_to_what_drains(self) -> None:
        assert reached(EMPTY, BASE, exclude=("b1",), local=Seen(draining=("b2",))) == ({"b2"}, {"retry"})


VERSIONS = [one("b1", {"version": "v1"}), one("b2", {"version": "v2"})]


class TestRoute:
    def test_a_rule_narrows(self) -> None:
        answer = asked(rules(routes=(route((V2, 1)),)), VERSIONS)
        assert answer.instance is not None
        assert (answer.instance.id, answer.reason, answer.target) == ("b2", "route:split", "version=v2")

    def test_the_split_is_drawn_by_weight(self) -> None:
        found = rules(routes=(route((V2, 10), (V1, 90)),))
        assert [asked(found, VERSIONS, draw=lambda at=at: at).target for at in (0.0, 0.099, 0.1, 0.999)] == [  # type: ignore[misc]
            "version=v2",
            "version=v2",
            "version=v1",
            "version=v1",
        ]

    def test_the_first_rule_that_holds_decides(self) -> None:
        debug: When = ((Condition(Source("header", "x-debug"), "present", True),),)
        found = rules(routes=(route((V2, 1), when=debug, name="a"), route((V1, 1), name="b")))
        facts = RequestFacts("GET", "/", "orders", {"x-debug": ""}.get, (), {}, None, ORDERS)
        assert asked(found, VERSIONS, facts=facts).reason == "route:a"
        assert asked(found, VERSIONS).reason == "route:b"

    def test_a_rule_that_does_not_hold_changes_nothing(self) -> None:
        found = rules(routes=(route((V2, 1), when=()),))
        assert reached(found, VERSIONS) == ({"b1", "b2"}, {"baseline"})

    def test_a_rule_without_destinations_changes_nothing(self) -> None:
        assert reached(rules(routes=(route(),)), VERSIONS) == ({"b1", "b2"}, {"baseline"})

    def test_destinations_of_weight_0_get_nothing(self) -> None:
        assert reached(rules(routes=(route((V1, 0), (V2, 5), (V1, 0)),)), VERSIONS)[0] == {"b2"}

    def test_a_destination_without_tags_is_everything(self) -> None:
        assert reached(rules(routes=(route(((), 1)),)), VERSIONS) == ({"b1", "b2"}, {"route:split"})

    def test_an_empty_destination_leaves_any(self) -> None:
        found = rules(routes=(route(((("version", "v3"),), 1)),))
        assert reached(found, VERSIONS) == ({"b1", "b2"}, {"baseline"})

    def test_an_empty_destination_in_a_lane_leaves_the_lane(self) -> None:
        found = rules(routes=(route((V2, 1)),))
        assert reached(found, [*VERSIONS, one("g", {"lane": "gray"})], GRAY) == ({"g"}, {"lane"})

    def test_an_empty_destination_can_mean_the_baseline(self) -> None:
        found = rules(routes=(route((V2, 1), otherwise="baseline"),))
        fleet = [one("b1"), one("g", {"lane": "gray"})]
        assert reached(found, fleet, GRAY) == ({"b1"}, {"route:split"})
        assert reached(found, fleet) == ({"b1"}, {"baseline"})
        assert reached(found, fleet[1:], GRAY) == (set(), {"no-instance"})

    def test_an_empty_destination_can_be_refused(self) -> None:
        found = rules(routes=(route((V2, 1), otherwise="reject"),))
        for fleet in (BASE, []):
            answer = asked(found, fleet)
            assert (answer.instance, answer.reason, answer.refused) == (None, "rejected:split", True)

    def test_before_a_call_is_refused_draining_and_failed_ones_serve(self) -> None:
        found = rules(routes=(route((V2, 1), otherwise="reject"),))
        fleet = [VERSIONS[0], one("b2", {"version": "v2"}, state=DRAINING)]
        assert reached(found, fleet)[0] == {"b2"}
        assert reached(found, VERSIONS, local=Seen(avoid=("b2",))) == ({"b2"}, {"ejected"})

    def test_with_any_a_draining_destination_is_an_empty_one(self) -> None:
        fleet = [VERSIONS[0], one("b2", {"version": "v2"}, state=DRAINING)]
        assert reached(rules(routes=(route((V2, 1)),)), fleet) == ({"b1"}, {"baseline"})

    @pytest.mark.parametrize("otherwise", ["any", "baseline", "reject"])
    def test_a_destination_that_names_a_lane_does_not_open_it(self, otherwise: str) -> None:
        found = rules(routes=(route((GRAY, 1), otherwise=otherwise),))
        assert "g1" not in reached(found, FLEET)[0]
        assert "g1" not in reached(found, FLEET, BLUE)[0]
        assert reached(found, FLEET, GRAY) == ({"g1"}, {"route:split"})

    def test_a_strict_lane_is_refused_before_any_rule(self) -> None:
        found = rules((lane("blue", "strict"),), (route((V1, 1), otherwise="baseline"),))
        assert asked(found, VERSIONS, BLUE).reason == "lane-strict"


class TestZone:
    FLEET = (one("a", {"zone": "a"}), one("b", {"zone": "b"}))

    def test_the_own_zone_first(self) -> None:
        assert reached(EMPTY, list(self.FLEET), zone="a") == ({"a"}, {"zone"})

    def test_without_a_zone_all(self) -> None:
        assert reached(EMPTY, list(self.FLEET)) == ({"a", "b"}, {"baseline"})
        assert reached(EMPTY, list(self.FLEET), zone="c") == ({"a", "b"}, {"baseline"})

    def test_a_zone_that_holds_too_little_is_not_used_alone(self) -> None:
        fleet = [*self.FLEET, *(one("b%d" % at, {"zone": "b"}) for at in range(4))]
        assert len(reached(EMPTY, fleet, zone="a")[0]) == 6
        assert "a" not in reached(EMPTY, fleet, zone="b")[0]

    def test_ejection_counts(self) -> None:
        fleet = [one(zone + str(at), {"zone": zone}) for zone in "ab" for at in range(4)]
        assert reached(EMPTY, fleet, zone="a", local=Seen(avoid=("a0",)))[0] == {"a1", "a2", "a3"}
        assert len(reached(EMPTY, fleet, zone="a", local=Seen(avoid=("a0", "a1", "a2")))[0]) == 5

    def test_a_lane_keeps_its_reason(self) -> None:
        fleet = [one("g" + zone, {"lane": "gray", "zone": zone}) for zone in "ab"]
        assert reached(EMPTY, fleet, GRAY, zone="b") == ({"gb"}, {"lane"})

    def test_a_route_narrows_before_the_zone(self) -> None:
        fleet = [one(zone + version, {"zone": zone, "version": version}) for zone in "ab" for version in ("v1", "v2")]
        assert reached(rules(routes=(route((V2, 1)),)), fleet, zone="b") == ({"bv2"}, {"route:split"})

    def test_all_in_one_zone_is_nothing_to_narrow(self) -> None:
        assert reached(EMPTY, [one("a", {"zone": "a"})], zone="a") == ({"a"}, {"baseline"})


class TestWarmup:
    FLEET = (one("new", started=NOW - 12), one("old", started=0.0), one("older", started=0.0))

    def test_the_rule_of_the_service(self) -> None:
        """12 of 120 seconds with curve 2: weight 1 of 201, so draws above 1/201 miss it."""
        warm = rules(lifecycles={ORDERS: Lifecycle(warmup_seconds=120)})
        assert asked(warm, list(self.FLEET), draw=lambda: 0.004).instance == self.FLEET[0]
        assert asked(warm, list(self.FLEET), draw=lambda: 0.006).instance != self.FLEET[0]

    def test_the_default_of_the_process(self) -> None:
        class Warm(Local):
            warmup_default = 120.0

        index = Index(Snapshot(EMPTY, {ORDERS: self.FLEET}))
        call = Call(ORDERS, "http", False, (), NoFacts())
        assert decide(index, call, Local(), lambda: 0.006, NOW).instance == self.FLEET[0]
        assert decide(index, call, Warm(), lambda: 0.006, NOW).instance != self.FLEET[0]
        silent = rules(lifecycles={ORDERS: Lifecycle(warmup_seconds=0)})
        index = Index(Snapshot(silent, {ORDERS: self.FLEET}))
        assert decide(index, call, Warm(), lambda: 0.006, NOW).instance == self.FLEET[0]

    def test_weights_grow_with_the_clock(self) -> None:
        index = Index(Snapshot(rules(lifecycles={ORDERS: Lifecycle(warmup_seconds=120)}), {ORDERS: self.FLEET}))
        call = Call(ORDERS, "http", False, (), NoFacts())
        found = [decide(index, call, Local(), lambda: 0.1, now).instance for now in (NOW, NOW + 60, NOW + 200, NOW)]
        assert [instance == self.FLEET[0] for instance in found] == [False, True, True, False]


class TestArc:
    @staticmethod
    def fleet(size: int) -> List[Instance]:
        return [one("i%d" % slot, slot=slot) for slot in range(size)]

    def test_fifteen_are_used_whole(self) -> None:
        assert len(reached(EMPTY, self.fleet(15))[0]) == 15

    def test_sixteen_are_narrowed_to_a_window_of_eight(self) -> None:
        assert len(reached(EMPTY, self.fleet(16))[0]) == 8

    def test_the_window_grows_with_the_calls_in_flight(self) -> None:
        assert len(reached(EMPTY, self.fleet(100), local=Seen(peak=10))[0]) == 20

    def test_the_window_slides_over_all(self) -> None:
        fleet = self.fleet(30)
        found = [reached(EMPTY, fleet, local=Seen(turns=50 * at))[0] for at in range(30)]
        assert all(len(one) == 8 and len(one & other) == 7 for one, other in zip(found, found[1:]))
        assert len(set.union(*found)) == 30

    def test_callers_of_a_fleet_have_arcs(self) -> None:
        """100 callers of 100 instances: 8 places each, with fractional ends 9."""
        assert len(reached(EMPTY, self.fleet(100), local=Seen(place=(3, 100), peak=100))[0]) in (8, 9)

    def test_the_clients_limit_caps_the_window_of_a_small_set_too(self) -> None:
        assert len(reached(EMPTY, self.fleet(10), window=5)[0]) == 5
        assert len(reached(EMPTY, self.fleet(10), window=1)[0]) == 2
        assert len(reached(EMPTY, self.fleet(10), window=10)[0]) == 10

    def test_an_ejected_member_is_replaced_inside_the_arc(self) -> None:
        fleet = self.fleet(20)
        first = reached(EMPTY, fleet)[0]
        gone = min(first)
        second = reached(EMPTY, fleet, local=Seen(avoid=(gone,)))[0]
        assert gone not in second
        assert len(second) == 8
        assert len(first & second) == 7

    def test_a_vacancy_keeps_its_place_until_it_ends(self) -> None:
        """15 instances and one vacancy are 16 places; a minute later 15 again."""
        held = (Vacancy(ORDERS, (), 15, NOW + 1),)
        assert len(reached(EMPTY, self.fleet(15), vacancies=held)[0]) == 8
        ended = (Vacancy(ORDERS, (), 15, NOW),)
        assert len(reached(EMPTY, self.fleet(15), vacancies=ended)[0]) == 15

    def test_a_vacancy_of_another_lane_or_of_a_slot_in_use_has_no_place(self) -> None:
        for vacancy in (Vacancy(ORDERS, GRAY, 15, NOW + 1), Vacancy(ORDERS, (), 3, NOW + 1)):
            assert len(reached(EMPTY, self.fleet(15), vacancies=(vacancy,))[0]) == 15

    def test_each_destination_has_its_own_ring(self) -> None:
        fleet = [one("v%d-%d" % (at % 2, at), {"version": "v%d" % (at % 2 + 1)}, slot=at) for at in range(40)]
        assert len(reached(rules(routes=(route((V1, 1), (V2, 1)),)), fleet)[0]) == 16


def test_load_in_flight_breaks_the_tie() -> None:
    seen = Seen(loads={"b1": 3})
    numbers = [0.0, 0.9]
    answer = asked(EMPTY, BASE, local=seen, draw=lambda: numbers.pop(0))
    assert answer.instance == BASE[1]


def test_a_thousand_colours_leave_no_more_than_a_bounded_memory() -> None:
    index = Index(Snapshot(EMPTY, {ORDERS: tuple(FLEET)}))
    for number in range(5000):
        call = Call(ORDERS, "http", False, (("lane", "l%d" % number),), NoFacts())
        assert decide(index, call, Local(), lambda: 0.0, NOW).reason == "lane-fallback"
    assert len(index.plans) <= 1024
    assert len(index._chains) <= 1024


def test_an_expiry_is_seen_at_its_second() -> None:
    index = Index(Snapshot(rules((lane("gray", "baseline", expires=NOW + 0.5),)), {ORDERS: tuple(FLEET)}))
    call = Call(ORDERS, "http", False, GRAY, NoFacts())
    reasons = [decide(index, call, Local(), lambda: 0.0, NOW + at).reason for at in (0, 0.49, 0.5, 9, 0.1)]
    assert reasons == ["lane", "lane", "lane-fallback", "lane-fallback", "lane"]


ZONED = [one("%s%d" % (zone, slot), {"zone": zone}, slot=slot) for slot, zone in enumerate("ab" * 10)]
PLAIN = Call(ORDERS, "http", False, (), NoFacts())
VARIANTS: List[Tuple[Call, Local, float, Optional[str]]] = [
    (PLAIN, Seen(), NOW, None),
    (PLAIN, Seen(), NOW, "a"),
    (PLAIN, Seen(), NOW, "b"),
    (PLAIN, Seen(place=(0, 4)), NOW, None),
    (PLAIN, Seen(place=(2, 4)), NOW, None),
    (PLAIN, Seen(turns=450), NOW, None),
    (PLAIN, Seen(peak=9), NOW, None),
    (Call(ORDERS, "http", False, (), NoFacts(), 3), Seen(), NOW, None),
    (Call(ORDERS, "grpc", False, (), NoFacts()), Seen(), NOW, None),
    (Call(ORDERS, "http", True, (), NoFacts()), Seen(), NOW, None),
    (Call(ORDERS, "http", False, GRAY, NoFacts()), Seen(), NOW, None),
    (PLAIN, Seen(avoid=("a0",)), NOW, None),
    (PLAIN, Seen(draining=("a0",)), NOW, None),
]


@pytest.mark.parametrize("before", VARIANTS)
def test_every_argument_counts_whatever_was_asked_before(before: Tuple[Call, Local, float, Optional[str]]) -> None:
    """The index keeps plans; one of them is never the answer to another question."""
    fleet = [*ZONED, *FLEET, one("t", tls=True), one("r", protocol="grpc")]
    shared = indexed(EMPTY, fleet)
    call, local, now, zone = before
    decide(shared, call, local, lambda: 0.0, now, zone)
    for call, local, now, zone in VARIANTS:
        for at in (0.0, 0.3, 0.7):
            fresh = decide(indexed(EMPTY, fleet), call, local, lambda at=at: at, now, zone)  # type: ignore[misc]
            assert decide(shared, call, local, lambda at=at: at, now, zone) == fresh  # type: ignore[misc]


def test_the_first_question_of_a_second_does_not_set_the_weights_of_that_second() -> None:
    """A weight that jumped with the fraction of the first call would make decisions depend on history."""
    fleet = [one("new", started=NOW - 1, weight=10_000), one("old"), one("older")]
    warm = rules(lifecycles={ORDERS: Lifecycle(warmup_seconds=4, warmup_curve=1)})
    call, shared = Call(ORDERS, "http", False, (), NoFacts()), indexed(warm, fleet)
    edge = 2500 / 2700
    for now in (NOW + 0.9, NOW + 0.1):
        found = [decide(shared, call, Local(), lambda at=at: at, now).instance for at in (edge - 1e-6, edge + 1e-6)]  # type: ignore[misc]
        assert found[0] == fleet[0]
        assert found[1] != fleet[0]
