"""Where a request's colour comes from."""

from __future__ import annotations

import random
from typing import Callable, Dict, Optional, Tuple

import pytest

from meshrun.core.admit import admit, own_colour
from meshrun.core.match import Facts, NoFacts, RequestFacts
from meshrun.core.model import Pairs
from meshrun.core.rules import EMPTY, Condition, Enter, Fallback, Lane, RuleSet, Source, When
from meshrun.core.sticky import inside
from meshrun.core.trace import Trace

WEB = "default/web"
GRAY: Pairs = (("lane", "gray"),)
BLUE: Pairs = (("lane", "blue"),)
USER = Source("header", "x-user-id")
TESTER: When = ((Condition(USER, "in", frozenset("12")),),)
ALWAYS: When = ((),)
NO_TAGS: Dict[str, str] = {}


def lane(
    name: str,
    *enter: Enter,
    priority: int = 100,
    expires: Optional[float] = None,
    paused: bool = False,
    namespace: str = "default",
) -> Lane:
    return Lane(name, namespace, (("lane", name),), priority, enter, Fallback(("baseline",), {}), expires, paused)


def enter(when: When = ALWAYS, percent: float = 100, sticky: Optional[Source] = None, at: str = WEB) -> Enter:
    return Enter(frozenset([at]), when, percent, sticky)


def rules(*lanes: Lane) -> RuleSet:
    return EMPTY._replace(lanes={"default": tuple(sorted(lanes, key=lambda one: (one.priority, one.name)))})


def user(name: Optional[str], colour: Pairs = ()) -> Facts:
    return RequestFacts(
        "GET", "/", "web", ({} if name is None else {"x-user-id": name}).get, colour, NO_TAGS, None, WEB
    )


def admitted(
    found: RuleSet,
    facts: Optional[Facts] = None,
    incoming: Pairs = (),
    *,
    trusted: bool = True,
    own: Optional[Dict[str, str]] = None,
    service: Optional[str] = WEB,
    draw: Callable[[], float] = lambda: 0.5,
    trace: Optional[Trace] = None,
) -> Pairs:
    return admit(
        found, service, "default", NO_TAGS if own is None else own, incoming, trusted, facts or NoFacts(), draw,
        1000.0, trace,
    )  # fmt: skip


def test_without_rules_tags_and_colour_there_is_none() -> None:
    assert admitted(EMPTY) == ()


def test_a_trusted_incoming_colour_is_kept_before_any_lane_and_own_tag() -> None:
    incoming = (("lane", "blue"), ("user", "7"))
    assert admitted(rules(lane("gray", enter())), incoming=incoming, own={"lane": "gray"}) == incoming


def test_an_unknown_incoming_lane_is_carried_on() -> None:
    assert admitted(EMPTY, incoming=(("lane", "unknown"),)) == (("lane", "unknown"),)


def test_an_untrusted_colour_is_neither_used_nor_carried_on() -> None:
    incoming = (("lane", "blue"), ("user", "7"))
    assert admitted(EMPTY, incoming=incoming, trusted=False) == ()
    assert admitted(EMPTY, incoming=incoming, trusted=False, own={"lane": "gray"}) == GRAY


def test_an_untrusted_colour_is_no_fact_either() -> None:
    found = rules(lane("gray", enter(((Condition(Source("colour", "lane"), "exact", "blue"),),))))
    assert admitted(found, user(None, BLUE), BLUE, trusted=False) == ()


def test_other_keys_of_an_incoming_colour_are_carried_beside_an_entered_lane() -> None:
    assert admitted(rules(lane("gray", enter())), incoming=(("user", "7"),)) == (("lane", "gray"), ("user", "7"))


def test_routing_parts_of_two_sources_never_mix() -> None:
    incoming = (("featureenv", "f1"),)
    assert admitted(rules(lane("gray", enter())), incoming=incoming, own={"lane": "gray"}) == incoming


def test_a_lane_is_entered_before_own_tags_count() -> None:
    assert admitted(rules(lane("gray", enter())), own={"lane": "blue", "zone": "a"}) == GRAY


def test_passing_a_tagged_node_colours_the_rest_of_the_chain() -> None:
    assert admitted(EMPTY, own={"lane": "blue", "zone": "a"}) == BLUE
    assert own_colour(EMPTY, "default", {"lane": "blue", "zone": "a"}) == BLUE


def test_reserved_keys_of_the_namespace_count() -> None:
    found = EMPTY._replace(reserved={"default": frozenset(["lane", "featureenv", "stage"])})
    assert own_colour(found, "default", {"stage": "s1"}) == (("stage", "s1"),)
    assert own_colour(found, "shop", {"stage": "s1"}) == ()


def test_own_tags_that_are_no_colour_are_left_out() -> None:
    assert own_colour(EMPTY, "default", {"lane": "grün", "featureenv": "ok"}) == (("featureenv", "ok"),)


def test_a_process_without_a_service_enters_no_lane() -> None:
    assert admitted(rules(lane("gray", enter())), service=None) == ()


def test_a_lane_is_entered_only_at_its_entry() -> None:
    assert admitted(rules(lane("gray", enter(at="default/shop")))) == ()


def test_a_lane_of_another_namespace_may_name_this_service() -> None:
    other = lane("gray", enter(), namespace="ops")
    assert admitted(EMPTY._replace(lanes={"ops": (other,)})) == GRAY


def test_any_item_suffices() -> None:
    found = rules(lane("gray", enter(TESTER), enter(percent=10)))
    assert admitted(found, user("1")) == GRAY
    assert admitted(found, user("3")) == ()
    assert admitted(found, user("3"), draw=lambda: 0.05) == GRAY


def test_in_an_item_the_condition_and_the_percentage_must_hold() -> None:
    found = rules(lane("gray", enter(TESTER, percent=10)))
    assert admitted(found, user("3"), draw=lambda: 0.05) == ()
    assert admitted(found, user("1"), draw=lambda: 0.5) == ()
    assert admitted(found, user("1"), draw=lambda: 0.05) == GRAY


def test_lanes_are_tried_by_priority_then_name() -> None:
    assert admitted(rules(lane("blue", enter(), priority=5), lane("alpha", enter(), priority=10))) == BLUE
    assert admitted(rules(lane("gray", enter()), lane("blue", enter()))) == BLUE


def test_nobody_enters_a_paused_or_expired_lane() -> None:
    assert admitted(rules(lane("gray", enter(), paused=True))) == ()
    assert admitted(rules(lane("gray", enter(), expires=1000.0))) == ()
    assert admitted(rules(lane("gray", enter(), expires=1000.1))) == GRAY


@pytest.mark.parametrize(("percent", "draw", "entered"), [(0, 0.0, ()), (100, 0.999, GRAY), (0.5, 0.004, GRAY)])
def test_percent(percent: float, draw: float, entered: Pairs) -> None:
    assert admitted(rules(lane("gray", enter(percent=percent))), draw=lambda: draw) == entered


def test_sticky_takes_the_hash_instead_of_a_draw() -> None:
    found = rules(lane("gray", enter(percent=30, sticky=USER)))
    for name in map(str, range(50)):
        assert bool(admitted(found, user(name), draw=lambda: 0.999)) is inside("gray", name, 30)


def test_sticky_without_the_value_draws() -> None:
    found = rules(lane("gray", enter(percent=30, sticky=USER)))
    assert admitted(found, user(None), draw=lambda: 0.29) == GRAY
    assert admitted(found, user(None), draw=lambda: 0.31) == ()


def test_a_percentage_is_met_by_draws() -> None:
    """10,000 requests at 10 percent: expectation 1,000, standard deviation 30."""
    found = rules(lane("gray", enter(percent=10)))
    chance = random.Random(7).random
    assert abs(sum(bool(admitted(found, draw=chance)) for _ in range(10_000)) - 1000) < 150


def test_other_rules_and_other_services_are_not_answered_from_memory() -> None:
    one, other = rules(lane("gray", enter())), rules(lane("blue", enter()))
    answers: Tuple[Pairs, ...] = (admitted(one), admitted(other), admitted(one, service="default/x"), admitted(one))
    assert answers == (GRAY, BLUE, (), GRAY)
    assert (admitted(EMPTY, own={"lane": "a"}), admitted(EMPTY, own={"lane": "b"})) == (
        (("lane", "a"),),
        (("lane", "b"),),
    )


def test_the_trace_says_why() -> None:
    found = rules(
        lane("done", enter(), expires=1.0),
        lane("gray", enter(TESTER), enter(percent=10)),
        lane("off", enter(), paused=True),
    )
    trace = Trace()
    admitted(found, user("7"), trace=trace)
    assert trace.rules == [
        ("Lane done", False, "it has expired"),
        ("Lane gray enter[0]", False, "header.x-user-id is '7', expected one of 1, 2"),
        ("Lane gray enter[1]", False, "it has no condition, but outside the 10 percent"),
        ("Lane off", False, "it is paused: nobody new enters"),
    ]
    trace = Trace()
    admitted(found, user("1"), trace=trace)
    assert trace.rules[-1] == ("Lane gray enter[0]", True, "header.x-user-id is '1'")
    trace = Trace()
    admitted(found, incoming=BLUE, trace=trace)
    assert trace.rules == [("incoming colour", True, "a trusted lane=blue keeps its lane")]
