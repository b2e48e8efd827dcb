"""Rules in the form that decisions read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any, Dict, List, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshrun.core import documents
from meshrun.core.compile import build
from meshrun.core.rules import (
    EMPTY,
    RESERVED,
    Condition,
    Destination,
    Enter,
    Fallback,
    Lane,
    Lifecycle,
    RouteRule,
    RuleSet,
    Source,
)
from tests.contract.rule_forms import DOCUMENTS


def compiled(text: str) -> RuleSet:
    parsed = documents.parse(text, "a.yaml")
    documents.check_set(parsed)
    return build({one.identity: one.document for one in parsed}, 7)


def test_a_mesh_document_adds_reserved_keys_to_its_namespace() -> None:
    rules = compiled("kind: Mesh\nnamespace: shop\nrouting_keys: [Stage]")
    assert rules.version == 7
    assert rules.reserved_keys("shop") == RESERVED | {"stage"}
    assert rules.reserved_keys("default") == RESERVED


def test_a_lane_has_its_defaults() -> None:
    assert compiled("kind: Lane\nname: gray").lanes == {
        "default": (Lane("gray", "default", (("lane", "gray"),), 100, (), Fallback(("baseline",), {}), None, False),)
    }


def test_a_lane_with_everything() -> None:
    rules = compiled(
        """\
kind: Lane
namespace: shop
name: gray
tags: {lane: g, featureenv: f}
priority: 3
enter:
  - { at: [web, edge.default], when: { header.X-User: { in: [a, b] } }, percent: 12.5, sticky: cookie.Id }
fallback: { default: [blue, strict], strict: [pay], baseline: [cache.infra] }
expires: 2027-01-01T00:00:00Z
paused: true
---
kind: Lane
namespace: shop
name: blue
"""
    )
    when = ((Condition(Source("header", "x-user"), "in", frozenset("ab")),),)
    ends = {"shop/pay": ("strict",), "infra/cache": ("baseline",)}
    assert rules.lanes["shop"][0] == Lane(
        "gray",
        "shop",
        (("featureenv", "f"), ("lane", "g")),
        3,
        (Enter(frozenset(("shop/web", "default/edge")), when, 12.5, Source("cookie", "Id")),),
        Fallback(("blue", "strict"), ends),
        1798761600,
        True,
    )


def test_lanes_stand_by_priority_then_name() -> None:
    text = "\n---\n".join("kind: Lane\nname: %s\npriority: %d" % pair for pair in [("c", 5), ("b", 100), ("a", 100)])
    assert [lane.name for lane in compiled(text).lanes["default"]] == ["c", "a", "b"]


def test_aliases_are_lower_case_and_know_ipv6_without_brackets() -> None:
    rules = compiled('kind: Alias\nname: a\nhosts: [Old.example:80, "[::1]:80", "[::2]"]\nservice: s.shop')
    assert set(rules.aliases) == {"old.example:80", "[::1]:80", "::1:80", "[::2]", "::2"}
    assert set(rules.aliases.values()) == {"shop/s"}
    assert rules.services == {"shop/s"}


def test_the_routes_of_a_service_are_joined_by_priority_then_name_across_namespaces() -> None:
    def one(name: str, extra: str, service: str) -> str:
        return "kind: Route\nname: %s\n%s\nservice: %s\nrules: [{to: [{}]}, {to: [{tags: {v: a}}]}]" % (
            name,
            extra,
            service,
        )

    rules = compiled(
        "\n---\n".join([one("z", "priority: 1", "s"), one("b", "namespace: other", "s.default"), one("a", "", "s")])
    )
    assert [(rule.name, rule.number) for rule in rules.routes["default/s"].rules] == [
        ("z", 0),
        ("z", 1),
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("b", 1),
    ]
    assert rules.routes["default/s"].rules[1] == RouteRule(
        "z", 1, ((),), (Destination((("v", "a"),), 1),), "any", "request"
    )


def test_a_lifecycle_keeps_what_is_silent_apart_from_what_is_said() -> None:
    rules = compiled(
        "kind: Lifecycle\nname: a\nservice: a\nregister: {probe: {path: /ok}}\n---\n"
        "kind: Lifecycle\nname: b\nservice: b\nregister: {delay: 5}\nwarmup: {seconds: 9}\ndrain: {seconds: 30, min: 0}"
    )
    assert rules.lifecycles["default/a"] == Lifecycle(probe_path="/ok")
    assert rules.lifecycles["default/b"] == Lifecycle(delay=5, warmup_seconds=9, drain_seconds=30, drain_min=0)


@pytest.mark.parametrize(
    ("text", "source", "op", "operand"),
    [
        ("{header.X-A: 1}", Source("header", "x-a"), "exact", "1"),
        ("{query.Q: {not: a}}", Source("query", "Q"), "not", "a"),
        ("{cookie.C: {in: [a, b]}}", Source("cookie", "C"), "in", frozenset("ab")),
        ("{colour.Lane: {not_in: [a]}}", Source("colour", "lane"), "not_in", frozenset("a")),
        ("{tag.Zone: {prefix: a}}", Source("tag", "zone"), "prefix", "a"),
        ("{path: {suffix: /a}}", Source("path", ""), "suffix", "/a"),
        ("{method: {regex: GET|PUT}}", Source("method", ""), "regex", re.compile("GET|PUT")),
        ("{header.n: {range: [1, 2.5]}}", Source("header", "n"), "range", (1.0, 2.5)),
        ("{header.n: {present: false}}", Source("header", "n"), "present", False),
        ("{host: Shop.Example}", Source("host", ""), "exact", "shop.example"),
        ("{host: {suffix: .Example}}", Source("host", ""), "suffix", ".example"),
        ("{caller: web}", Source("caller", ""), "exact", "web.default"),
        ("{service: {in: [a, b.shop]}}", Source("service", ""), "in", frozenset(("a.default", "b.shop"))),
    ],
)
def test_conditions_of_every_source_and_operator(text: str, source: Source, op: str, operand: object) -> None:
    rules = compiled("kind: Route\nname: a\nservice: s\nrules: [{when: %s, to: [{}]}]" % text)
    assert rules.routes["default/s"].rules[0].when == ((Condition(source, op, operand),),)


def test_any_mapping_of_a_list_and_all_entries_of_a_mapping() -> None:
    text = "[{path: /a, method: GET}, {header.x: {prefix: a, suffix: b}}, {}]"
    rules = compiled("kind: Route\nname: a\nservice: s\nrules: [{when: %s, to: [{}]}]" % text)
    assert [[one.op for one in item] for item in rules.routes["default/s"].rules[0].when] == [
        ["exact", "exact"],
        ["prefix", "suffix"],
        [],
    ]


def test_pieces_of_unchanged_documents_are_kept() -> None:
    one = "kind: Route\nname: %s\nservice: %s\nrules: [{to: [{}]}]\n"
    parsed = documents.parse(one % ("a", "s") + "---\n" + one % ("b", "t"), "a")
    documents_: Dict[str, Mapping[str, Any]] = {one.identity: one.document for one in parsed}
    first = build(documents_, 1)
    changed = dict(documents_, **{"Route/default/b": dict(documents_["Route/default/b"], priority=1)})
    second = build(changed, 2, first)
    assert second.routes["default/s"] is first.routes["default/s"]
    assert second.routes["default/t"] is not first.routes["default/t"]
    del changed["Route/default/a"]
    third = build(changed, 3, second)
    assert set(third.routes) == {"default/t"}
    assert third.services == {"default/t"}


def test_nothing_is_the_empty_set() -> None:
    assert build({}, 0) == EMPTY


@settings(max_examples=40)
@given(st.lists(DOCUMENTS, max_size=4), st.lists(DOCUMENTS, max_size=4))
def test_an_incremental_build_is_the_same_as_a_full_one(
    before: List[Dict[str, Any]], after: List[Dict[str, Any]]
) -> None:
    one = {documents.identity(document): document for document in before}
    two = {**one, **{documents.identity(document): document for document in after}}
    built, whole = build(two, 2, build(one, 1)), build(json.loads(json.dumps(two)), 2)
    assert built._replace(routes={}, pieces={}) == whole._replace(routes={}, pieces={})
    assert {key: table.rules for key, table in built.routes.items()} == {
        key: table.rules for key, table in whole.routes.items()
    }


def test_a_process_that_only_compiles_loads_no_yaml() -> None:
    code = "import sys, meshrun.core.compile; print(sorted({'yaml', 'json', 'datetime', 'difflib'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import sys; sys.path[:0] = %r; %s" % (sys.path, code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "[]\n"
