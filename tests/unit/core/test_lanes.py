"""The chain of lanes that a colour tries."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

import pytest

from meshrun.core.lanes import chain
from meshrun.core.model import Pairs
from meshrun.core.rules import EMPTY, Fallback, Lane, RuleSet

GRAY: Pairs = (("lane", "gray"),)
BLUE: Pairs = (("lane", "blue"),)
SERVICE = "default/orders"


def lane(
    name: str,
    fallback: Tuple[str, ...] = ("baseline",),
    by_service: Optional[Dict[str, Tuple[str, ...]]] = None,
    expires: Optional[float] = None,
    tags: Pairs = (),
) -> Lane:
    return Lane(
        name, "default", tags or (("lane", name),), 100, (), Fallback(fallback, by_service or {}), expires, paused=False
    )


def rules(*lanes: Lane) -> RuleSet:
    return EMPTY._replace(lanes={"default": lanes})


def tried(found: RuleSet, routing: Pairs = GRAY, now: float = 1000.0) -> Tuple[Tuple[Pairs, ...], bool]:
    answer = chain(found, SERVICE, routing, now)
    return answer.lanes, answer.strict


def test_an_uncoloured_call_has_the_baseline_and_nothing_else() -> None:
    assert tried(rules(lane("gray")), ()) == (((),), False)


def test_a_lane_without_a_document_falls_back_to_the_baseline() -> None:
    assert tried(EMPTY) == ((GRAY, ()), False)


def test_the_document_of_another_namespace_does_not_count() -> None:
    strict = lane("gray", ("strict",))
    assert tried(EMPTY._replace(lanes={"shop": (strict,)})) == ((GRAY, ()), False)


def test_strict_has_no_second_choice() -> None:
    assert tried(rules(lane("gray", ("strict",)))) == ((GRAY,), True)


def test_a_list_is_tried_in_order() -> None:
    assert tried(rules(lane("gray", ("blue", "baseline")), lane("blue"))) == ((GRAY, BLUE, ()), False)
    assert tried(rules(lane("gray", ("blue", "strict")), lane("blue"))) == ((GRAY, BLUE), True)


def test_the_fallback_of_a_fallback_is_not_followed() -> None:
    assert tried(rules(lane("gray", ("blue", "baseline")), lane("blue", ("strict",)))) == ((GRAY, BLUE, ()), False)


def test_a_name_means_the_tags_of_its_lane() -> None:
    found = rules(lane("gray", ("canary", "baseline")), lane("canary", tags=(("featureenv", "c1"),)))
    assert tried(found) == ((GRAY, (("featureenv", "c1"),), ()), False)


def test_a_service_can_have_its_own_fallback() -> None:
    own: Dict[str, Tuple[str, ...]] = {SERVICE: ("strict",)}
    assert tried(rules(lane("gray", by_service=own))) == ((GRAY,), True)
    assert tried(rules(lane("gray", by_service={"default/pay": ("strict",)}))) == ((GRAY, ()), False)


def test_the_first_document_with_these_tags_decides() -> None:
    first, second = lane("a", tags=GRAY), lane("b", ("strict",), tags=GRAY)
    assert tried(rules(first, second)) == ((GRAY, ()), False)


@pytest.mark.parametrize(("fallback", "found"), [("baseline", (((),), False)), ("strict", ((), True))])
def test_colours_of_an_expired_lane_go_where_its_fallback_says(fallback: str, found: object) -> None:
    assert tried(rules(lane("gray", (fallback,), expires=1000.0))) == found


def test_a_document_that_lives_stands_before_an_expired_one() -> None:
    old, new = lane("a", expires=1.0, tags=GRAY), lane("b", ("strict",), tags=GRAY)
    assert tried(rules(old, new)) == ((GRAY,), True)


def test_an_expired_lane_is_no_fallback() -> None:
    assert tried(rules(lane("gray", ("blue", "baseline")), lane("blue", expires=999.0))) == ((GRAY, ()), False)


def test_a_lane_that_does_not_exist_is_passed_over() -> None:
    assert tried(rules(lane("gray", ("gone", "baseline")))) == ((GRAY, ()), False)


def test_a_list_without_an_end_ends_in_the_baseline() -> None:
    assert tried(rules(lane("gray", ("blue",)), lane("blue"))) == ((GRAY, BLUE, ()), False)


def test_a_chain_says_until_when_it_holds() -> None:
    found = rules(lane("gray", expires=1500.0), lane("blue", expires=500.0))
    answer = chain(found, SERVICE, GRAY, 1000.0)
    assert (answer.since, answer.until) == (500.0, 1500.0)
