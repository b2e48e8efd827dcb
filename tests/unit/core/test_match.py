"""The operators and sources of ``when``."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

import pytest

from meshrun.core.match import LOOKED_AT, NoFacts, RequestFacts, holds
from meshrun.core.rules import Condition, Source

HEADER = Source("header", "x-user-id")


def facts(
    path: str = "/", headers: Optional[Dict[str, str]] = None, host: str = "shop", caller: Optional[str] = "-"
) -> RequestFacts:
    return RequestFacts(
        "GET", path, host, (headers or {}).get, (("lane", "gray"),), {"zone": "a"}, caller, "default/orders"
    )


def test(op: str, operand: object, value: Optional[str]) -> bool:
    return holds(((Condition(HEADER, op, operand),),), facts(headers={} if value is None else {"x-user-id": value}))


test.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("op", "operand", "hits", "misses"),
    [
        ("exact", "Ab", ["Ab"], ["ab", "Abc", "", None]),
        ("not", "a", ["b", "", None], ["a"]),
        ("in", frozenset("12"), ["1", "2"], ["3", "12", "", None]),
        ("not_in", frozenset("12"), ["3", "", None], ["1"]),
        ("prefix", "/v2", ["/v2", "/v2/x"], ["/v1", "", None]),
        ("suffix", ".png", ["a.png"], [".pn", "", None]),
        ("regex", re.compile("a+"), ["a", "aa"], ["ab", "ba", "", None]),
        (
            "range",
            (1, 5),
            ["1", "5", "3.5", "+2", " 2 ", "05"],
            ["0", "6", "5.01", "x", "", "1_0", "nan", "٣", "1e0", None],
        ),
        ("present", True, ["a", ""], [None]),
        ("present", False, [None], ["a", ""]),
    ],
)
def test_operators(op: str, operand: object, hits: List[Optional[str]], misses: List[Optional[str]]) -> None:
    assert [value for value in hits if not test(op, operand, value)] == []
    assert [value for value in misses if test(op, operand, value)] == []


def test_a_range_compares_long_numbers_exactly() -> None:
    assert not test("range", (0, 9007199254740992), "9007199254740993")


def test_a_number_too_long_to_be_one_is_none() -> None:
    assert not test("range", (0, float("inf")), "1" * 10_000)


def test_a_regex_looks_at_256_characters() -> None:
    assert test("regex", re.compile("a*"), "a" * LOOKED_AT + "b")
    assert not test("regex", re.compile("a*"), "a" * (LOOKED_AT - 1) + "b")


def test_any_item_suffices_and_in_an_item_all_conditions_must_hold() -> None:
    yes, no = Condition(HEADER, "present", False), Condition(HEADER, "present", True)
    assert holds(((yes, no), (yes,)), NoFacts())
    assert not holds(((yes, no), (no,)), NoFacts())
    assert holds(((),), NoFacts())
    assert not holds((), NoFacts())


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("header", "x-user-id", "7"),
        ("header", "x-other", None),
        ("query", "q", "a b"),
        ("query", "Q", None),
        ("query", "empty", ""),
        ("query", "é", "ü"),
        ("cookie", "sid", "s 1"),
        ("cookie", "plain", "x=y"),
        ("cookie", "SID", None),
        ("colour", "lane", "gray"),
        ("colour", "stage", None),
        ("tag", "zone", "a"),
        ("tag", "lane", None),
        ("path", "", "/v2/items"),
        ("method", "", "GET"),
        ("host", "", "shop.example"),
        ("caller", "", "web.shop"),
        ("service", "", "orders.default"),
        ("topic", "", None),
    ],
)
def test_sources(kind: str, key: str, value: Optional[str]) -> None:
    asked = facts(
        "/v2/items?q=a+b&q=2&empty=&%C3%A9=%C3%BC&&x",
        {"x-user-id": "7", "cookie": 'sid="s 1"; plain=x=y; sid=2;; z'},
        "Shop.Example:8080",
        "web.shop",
    )
    assert asked.get(kind, key) == value


@pytest.mark.parametrize(
    ("host", "value"), [("Shop:80", "shop"), ("[::1]:80", "[::1]"), ("::1", "::1"), ("shop:http", "shop:http")]
)
def test_the_port_of_a_host_does_not_count(host: str, value: str) -> None:
    assert facts(host=host).get("host", "") == value


@pytest.mark.parametrize(("caller", "value"), [("-", None), (None, None), ("default/web", "web.default")])
def test_a_caller_without_a_name_is_absent(caller: Optional[str], value: Optional[str]) -> None:
    assert facts(caller=caller).get("caller", "") == value


def test_headers_are_asked_for_only_when_a_condition_names_one() -> None:
    asked: List[str] = []

    def header(name: str) -> Optional[str]:
        asked.append(name)
        return None

    lazy = RequestFacts("GET", "/?q=1", "shop", header, (), {}, None, None)
    for kind in ("query", "path", "method", "host", "colour", "tag", "caller", "service"):
        lazy.get(kind, "q")
    assert asked == []
    lazy.get("cookie", "a")
    lazy.get("cookie", "b")
    assert asked == ["cookie"]


def test_a_mutated_condition_is_refused_loudly() -> None:
    """An operator that does not exist cannot come out of validation; it must not be taken for one that holds."""
    unknown: Any = "like"
    with pytest.raises(KeyError):
        test(unknown, "x", "x")
