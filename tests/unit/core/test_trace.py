"""What ``explain`` says of each candidate and each rule."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, Optional, Tuple

import pytest

from meshrun.core.index import Index, Snapshot
from meshrun.core.match import NoFacts, RequestFacts
from meshrun.core.model import DRAINING, STARTING, Instance, Pairs
from meshrun.core.route import Call, Local, Trace, decide
from meshrun.core.rules import (
    EMPTY,
    Condition,
    Destination,
    Fallback,
    Lane,
    RouteRule,
    RouteTable,
    RuleSet,
    Source,
    When,
)
from meshrun.core.trace import why

ORDERS = "default/orders"
GRAY: Pairs = (("lane", "gray"),)
USER = Source("header", "x-user-id")


def one(name: str, tags: Optional[Dict[str, str]] = None, **fields: Any) -> Instance:
    return Instance(name, ORDERS, name, 80, tags=tags or {}, **fields)


def traced(
    rules: RuleSet,
    fleet: List[Instance],
    colour: Pairs = (),
    *,
    zone: Optional[str] = None,
    local: Optional[Local] = None,
    exclude: Tuple[str, ...] = (),
    window: Optional[int] = None,
) -> Tuple[Dict[str, Tuple[bool, str]], List[Tuple[str, bool, str]]]:
    trace = Trace()
    facts = RequestFacts("GET", "/", "orders", {"x-user-id": "7"}.get, colour, {}, None, ORDERS)
    call = Call(ORDERS, "http", False, colour, facts, window)
    index = Index(Snapshot(rules, {ORDERS: tuple(fleet)}))
    decide(index, call, local or Local(), lambda: 0.0, 1000.0, zone, trace, frozenset(exclude))
    return {address[:-3]: (kept, words) for address, kept, words in trace.candidates}, trace.rules


@pytest.mark.parametrize(
    ("op", "operand", "words"),
    [
        ("exact", "1", "header.x-user-id is '7', expected '1'"),
        ("not", "7", "header.x-user-id is '7', expected anything but '7'"),
        ("in", frozenset("21"), "header.x-user-id is '7', expected one of 1, 2"),
        ("not_in", frozenset("78"), "header.x-user-id is '7', expected none of 7, 8"),
        ("prefix", "a", "header.x-user-id is '7', expected prefix 'a'"),
        ("suffix", "a", "header.x-user-id is '7', expected suffix 'a'"),
        ("regex", re.compile("a+"), "header.x-user-id is '7', expected to match a+"),
        ("range", (1, 5), "header.x-user-id is '7', expected 1 to 5"),
        ("present", False, "header.x-user-id is '7', expected it to be absent"),
    ],
)
def test_a_condition_that_fails_says_what_was_found_and_expected(op: str, operand: object, words: str) -> None:
    facts = RequestFacts("GET", "/", "orders", {"x-user-id": "7"}.get, (), {}, None, None)
    assert why(((Condition(USER, op, operand),),), facts) == (False, words)


def test_an_absent_value_is_said_to_be_absent() -> None:
    expected = "header.x-user-id is absent, expected it to be present"
    assert why(((Condition(USER, "present", True),),), NoFacts()) == (False, expected)


def test_each_item_that_fails_gives_its_reason_and_the_one_that_holds_all_its_conditions() -> None:
    facts = RequestFacts("GET", "/v2", "orders", {"x-user-id": "7"}.get, (), {}, None, None)
    path = Condition(Source("path", ""), "prefix", "/v2")
    no: When = ((path, Condition(USER, "exact", "1")), (Condition(USER, "exact", "2"),))
    assert why(no, facts) == (False, "header.x-user-id is '7', expected '1'; header.x-user-id is '7', expected '2'")
    assert why(((path, Condition(USER, "exact", "7")),), facts) == (True, "path is '/v2', header.x-user-id is '7'")
    assert why((), facts) == (False, "it has no item that could hold")


def test_a_long_value_is_cut() -> None:
    facts = RequestFacts("GET", "/", "orders", {"x-user-id": "7" * 1000}.get, (), {}, None, None)
    assert len(why(((Condition(USER, "exact", "1"),),), facts)[1]) < 120


def test_candidates_of_an_uncoloured_call() -> None:
    fleet = [
        one("ready"),
        one("gray", {"lane": "gray"}),
        one("drains", state=DRAINING),
        one("starts", state=STARTING),
        one("dead", alive=False),
        one("tls", tls=True),
        one("grpc", protocol="grpc"),
    ]
    candidates, rules = traced(EMPTY, fleet)
    assert candidates == {
        "ready": (True, "baseline"),
        "gray": (False, "in lane lane=gray, the call is uncoloured"),
        "drains": (False, "draining"),
        "starts": (False, "not ready yet"),
        "dead": (False, "its lease has expired"),
        "tls": (False, "it speaks http over TLS, the call is http"),
        "grpc": (False, "it speaks grpc, the call is http"),
    }
    assert rules == []


def test_candidates_of_a_coloured_call_and_its_lane() -> None:
    lane = Lane("gray", "default", GRAY, 1, (), Fallback(("baseline",), {}), None, paused=False)
    found = EMPTY._replace(lanes={"default": (lane,)})
    candidates, rules = traced(found, [one("base"), one("gray", {"lane": "gray"})], GRAY)
    assert candidates == {"gray": (True, "in lane lane=gray"), "base": (False, "baseline, the call is of lane=gray")}
    assert rules == [("Lane gray", True, "the call is of lane=gray; tried: lane=gray, then baseline")]
    candidates, _ = traced(found, [one("base"), one("gray", {"lane": "gray"}, state=DRAINING)], GRAY)
    assert candidates == {"gray": (False, "draining"), "base": (True, "baseline")}


def test_a_lane_without_a_document_is_said_so() -> None:
    _, rules = traced(EMPTY, [one("base")], GRAY)
    assert rules == [("Lane", False, "no Lane has the tags lane=gray; tried: lane=gray, then baseline")]


def test_a_strict_lane_that_has_expired() -> None:
    lane = Lane("gray", "default", GRAY, 1, (), Fallback(("strict",), {}), 1000.0, paused=False)
    candidates, rules = traced(EMPTY._replace(lanes={"default": (lane,)}), [one("gray", {"lane": "gray"})], GRAY)
    assert rules == [("Lane gray", False, "the call is of lane=gray; tried: nothing, then it is refused (expired)")]
    assert not candidates["gray"][0]


def test_what_this_process_holds_against_instances() -> None:
    class Seen(Local):
        avoid: Mapping[str, float] = MappingProxyType({"failed": 2000.0})
        draining: Mapping[str, float] = MappingProxyType({"said": 2000.0})

    candidates, _ = traced(
        EMPTY, [one("a"), one("failed"), one("said"), one("tried")], local=Seen(), exclude=("tried",)
    )
    assert candidates == {
        "a": (True, "baseline"),
        "failed": (False, "a connection to it failed a moment ago"),
        "said": (False, "draining"),
        "tried": (False, "tried already for this call"),
    }


def table(*rules: RouteRule) -> RuleSet:
    return EMPTY._replace(routes={ORDERS: RouteTable(rules)})


def rule(number: int, when: When, tags: Pairs, otherwise: str = "any") -> RouteRule:
    return RouteRule("split", number, when, (Destination(tags, 1),), otherwise, "request")


def test_rules_are_named_up_to_the_one_that_decided() -> None:
    found = table(
        rule(0, ((Condition(USER, "in", frozenset("12")),),), ()),
        rule(1, ((),), (("version", "v2"),)),
        rule(2, ((),), ()),
    )
    candidates, rules = traced(found, [one("v1", {"version": "v1"}), one("v2", {"version": "v2"})])
    assert rules == [
        ("Route split rules[0]", False, "header.x-user-id is '7', expected one of 1, 2"),
        ("Route split rules[1]", True, "it has no condition"),
    ]
    assert candidates == {"v1": (False, "the rule split drew version=v2"), "v2": (True, "baseline")}


def test_an_else_that_brings_back_the_baseline() -> None:
    found = table(rule(0, ((),), (("version", "v2"),), "baseline"))
    candidates, _ = traced(found, [one("base"), one("gray", {"lane": "gray"})], GRAY)
    drawn = "the rule split drew version=v2, which has no instance: else baseline"
    assert candidates == {"base": (True, "baseline"), "gray": (False, drawn)}


def test_a_rejected_call_keeps_no_candidate() -> None:
    candidates, _ = traced(table(rule(0, ((),), (("version", "v2"),), "reject")), [one("base")])
    drawn = "the rule split drew version=v2, which has no instance: else reject"
    assert candidates == {"base": (False, drawn)}


def test_zones() -> None:
    candidates, rules = traced(EMPTY, [one("a", {"zone": "a"}), one("b", {"zone": "b"})], zone="a")
    words = "zone a holds 50 % of the living weight, needed 36 %"
    assert rules == [("zone", True, words)]
    assert candidates == {"a": (True, "baseline"), "b": (False, "in zone b; " + words)}
    fleet = [one("a", {"zone": "a"}), *(one("b%d" % at, {"zone": "b"}) for at in range(3))]
    candidates, rules = traced(EMPTY, fleet, zone="a")
    assert rules == [("zone", False, "zone a holds 25 % of the living weight, needed 36 %")]
    assert all(kept for kept, _ in candidates.values())


def test_the_arc_and_the_window() -> None:
    class Placed(Local):
        place = (0, 4)

    candidates, _ = traced(EMPTY, [one("i%d" % slot, slot=slot) for slot in range(40)], local=Placed())
    words = [words for _, words in candidates.values()]
    assert words.count("outside the arc of 10 of this caller") == 30
    assert words.count("outside the window of 8 that is in use now") == 2
    candidates, _ = traced(EMPTY, [one("a"), one("b"), one("c")], window=2)
    assert [words for _, words in candidates.values()].count("outside the window of 2 that is in use now") == 1
