"""Rule documents: what is accepted, its normal form, and how everything else is named."""

from __future__ import annotations

from typing import Any, List, Mapping

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meshrun.core import documents
from meshrun.core.documents import Problem, RuleError

EXAMPLE = """\
kind: Mesh # one per namespace
routing_keys: [stage]
---
kind: Lane
name: gray
tags: { lane: gray }
priority: 10
enter:
  - { at: [web], when: { header.X-User-Id: { in: ["1", 2] } } }
  - { at: web, percent: 10, sticky: header.X-User-Id }
fallback: { default: [other, baseline], strict: [pay.shop] }
expires: 2027-01-01T02:00:00+02:00
paused: no
---
kind: Lane
namespace: default
name: other
---
kind: Alias
name: orders-legacy
hosts: ["Orders.corp.example:8080", "10.0.0.5:8080", "[::1]:80"]
service: orders
---
kind: Route
name: orders-split
namespace: shop
service: orders.shop
rules:
  - when: [{ path: { prefix: /v2 }, header.x-debug: { present: true } }, { query.v: 2 }]
    to: [{ tags: { Version: v2 }, weight: 10 }, { tags: { version: 1.10 }, weight: 90 }]
    else: any
    on: request
---
kind: Lifecycle
name: orders
service: orders
register: { delay: 5, probe: { path: /healthz, every: 1 } }
prewarm: { requests: 60, paths: [/warm], concurrency: 2, timeout: 30 }
warmup: { seconds: 120, curve: 2.0 }
drain: { seconds: 30, quiet: 1, min: 2 }
"""

NORMAL: List[Mapping[str, Any]] = [
    {"kind": "Mesh", "namespace": "default", "name": "mesh", "routing_keys": ["stage"]},
    {
        "kind": "Lane",
        "namespace": "default",
        "name": "gray",
        "tags": {"lane": "gray"},
        "priority": 10,
        "enter": [
            {"at": ["web"], "when": [{"header.x-user-id": {"in": ["1", "2"]}}]},
            {"at": ["web"], "percent": 10, "sticky": "header.x-user-id"},
        ],
        "fallback": {"default": ["other", "baseline"], "strict": ["pay.shop"]},
        "expires": "2027-01-01T00:00:00Z",
        "paused": False,
    },
    {"kind": "Lane", "namespace": "default", "name": "other"},
    {
        "kind": "Alias",
        "namespace": "default",
        "name": "orders-legacy",
        "hosts": ["orders.corp.example:8080", "10.0.0.5:8080", "[::1]:80"],
        "service": "orders",
    },
    {
        "kind": "Route",
        "namespace": "shop",
        "name": "orders-split",
        "service": "orders",
        "rules": [
            {
                "when": [
                    {"header.x-debug": {"present": True}, "path": {"prefix": "/v2"}},
                    {"query.v": {"exact": "2"}},
                ],
                "to": [
                    {"tags": {"version": "v2"}, "weight": 10},
                    {"tags": {"version": "1.10"}, "weight": 90},
                ],
                "else": "any",
                "on": "request",
            }
        ],
    },
    {
        "kind": "Lifecycle",
        "namespace": "default",
        "name": "orders",
        "service": "orders",
        "register": {"delay": 5, "probe": {"path": "/healthz", "every": 1}},
        "prewarm": {"requests": 60, "paths": ["/warm"], "concurrency": 2, "timeout": 30},
        "warmup": {"seconds": 120, "curve": 2},
        "drain": {"seconds": 30, "quiet": 1, "min": 2},
    },
]


def problems(text: str) -> List[Problem]:
    with pytest.raises(RuleError) as caught:
        documents.check_set(documents.parse(text, "rules/a.yaml"))
    return list(caught.value.problems)


def test_every_kind_has_its_normal_form() -> None:
    parsed = documents.parse(EXAMPLE, "a.yaml")
    assert [one.document for one in parsed] == NORMAL
    assert [one.identity for one in parsed][:2] == ["Mesh/default/mesh", "Lane/default/gray"]
    documents.check_set(parsed)


def test_a_document_knows_where_it_stands() -> None:
    lane = documents.parse(EXAMPLE, "a.yaml")[1]
    assert (lane.file, lane.line) == ("a.yaml", 4)
    assert EXAMPLE[lane.start : lane.end].startswith("kind: Lane\nname: gray")
    assert EXAMPLE[lane.start : lane.end].endswith("paused: no")


def test_an_empty_file_is_an_empty_set() -> None:
    for text in ("", "# nothing\n", "---\n---\n", b""):
        assert documents.parse(text, "a.yaml") == ()


def test_the_namespace_of_documents_that_name_none_is_the_callers() -> None:
    (one,) = documents.parse("kind: Lane\nname: a\nenter: [{at: web.shop}]", "a.yaml", "shop")
    assert one.identity == "Lane/shop/a"
    assert one.document["enter"][0]["at"] == ["web"]


def lane(extra: str) -> str:
    return "kind: Lane\nname: a\n" + extra


def route(rule: str) -> str:
    return "kind: Route\nname: a\nservice: s\nrules: [%s]" % rule


def when(text: str) -> str:
    return route("{ when: %s, to: [{tags: {v: a}}] }" % text)


@pytest.mark.parametrize(
    ("text", "code", "key", "words"),
    [
        ("[1]", "MR1015", "", "a mapping"),
        ("just text", "MR1015", "", "a mapping"),
        ("name: x", "MR1010", "", "kind"),
        ("kind: Lan\nname: x", "MR1011", "", "did you mean Lane?"),
        ("kind: Nothing\nname: x", "MR1011", "", "expected one of"),
        ("kind: Lane", "MR1014", "", "'name' is missing"),
        ("kind: Lane\nname: ../x", "MR1016", "name", "expected a name"),
        ("kind: Lane\nname: [x]", "MR1015", "name", "found a list"),
        ("kind: Lane\nname:", "MR1015", "name", "found nothing"),
        ("kind: Lane\nname: x\nnamespace: a/b", "MR1016", "namespace", "a namespace"),
        (lane("prioritty: 1"), "MR1013", "", "did you mean priority?"),
        (lane("priority: high"), "MR1015", "priority", "a whole number"),
        (lane("priority: 1.5"), "MR1016", "priority", "a whole number"),
        (lane("priority: 1e400"), "MR1016", "priority", "a whole number"),
        (lane("enter: [{at: [web], percent: 101}]"), "MR1016", "enter[0].percent", "0 to 100 percent"),
        (lane("enter: [{at: [web], percent: 10%}]"), "MR1015", "enter[0].percent", "found '10%'"),
        (lane("enter: [{at: [web], percent: nan}]"), "MR1015", "enter[0].percent", "a number"),
        (lane("enter: [{percent: 1}]"), "MR1014", "enter[0]", "'at' is missing"),
        (lane("enter: [{at: []}]"), "MR1016", "enter[0].at", "0 items"),
        (lane("enter: [{at: [a.b.c]}]"), "MR1016", "enter[0].at[0]", "a service"),
        (lane("enter: [{at: web, sticky: x-user}]"), "MR1020", "enter[0].sticky", "unknown source"),
        (lane("tags: {}"), "MR1016", "tags", "0 entries"),
        (lane("tags: {lane: 'a b'}"), "MR1016", "tags.lane", "a value"),
        (lane("tags: {lane: a, LANE: b}"), "MR1005", "tags", "but for case"),
        (lane("tags: {version: a}"), "MR1033", "tags.version", "not a reserved key"),
        (lane("fallback: basline"), "MR1016", "fallback", "did you mean baseline?"),
        (lane("fallback: [a]"), "MR1016", "fallback", "does not end in baseline or strict"),
        (lane("fallback: [strict, baseline]"), "MR1016", "fallback", "only there"),
        (lane("fallback: [b, b, strict]"), "MR1016", "fallback", "twice"),
        (lane("fallback: {defalt: strict}"), "MR1013", "fallback", "did you mean default?"),
        (lane("fallback: {strict: [a], baseline: [a]}"), "MR1016", "fallback", "both"),
        (lane("fallback: [b, baseline]"), "MR1034", "fallback[0]", "no other Lane"),
        (lane("fallback: {default: [a, strict]}"), "MR1034", "fallback.default[0]", "no other Lane"),
        (lane("expires: tomorrow"), "MR1015", "expires", "a time with a zone"),
        (lane("expires: 2027-01-01T00:00:00"), "MR1015", "expires", "a time with a zone"),
        (lane("expires: 2027-02-29"), "MR1015", "expires", "a time with a zone"),
        (lane("paused: maybe"), "MR1015", "paused", "true or false"),
        ("kind: Alias\nname: a\nhosts: [http://x]\nservice: s", "MR1016", "hosts[0]", "host:port"),
        ("kind: Alias\nname: a\nhosts: [x:65536]\nservice: s", "MR1016", "hosts[0]", "host:port"),
        ("kind: Alias\nname: a\nservice: s", "MR1014", "", "'hosts' is missing"),
        (route(""), "MR1016", "rules", "0 items"),
        (route("{}"), "MR1014", "rules[0]", "'to' is missing"),
        (route("{to: []}"), "MR1016", "rules[0].to", "0 items"),
        (route("{to: [{weight: 0}, {weight: 0}]}"), "MR1016", "rules[0].to", "every weight is 0"),
        (route("{to: [{weight: -1}]}"), "MR1016", "rules[0].to[0].weight", "from 0 to 10000"),
        (route("{to: [{}], else: rejct}"), "MR1016", "rules[0].else", "did you mean reject?"),
        (route("{to: [{}], on: sometimes}"), "MR1016", "rules[0].on", "request, stream"),
        (when("{headers.x: 1}"), "MR1020", "rules[0].when", "did you mean header?"),
        (when("{header: 1}"), "MR1020", "rules[0].when", "needs a key"),
        (when("{path.x: 1}"), "MR1020", "rules[0].when", "takes no key"),
        (when("{topic: x}"), "MR1012", "rules[0].when", "not built yet"),
        (when("{path: {matches: x}}"), "MR1021", "rules[0].when.path", "unknown operator"),
        (when("{path: [a]}"), "MR1015", "rules[0].when.path", "in: [...]"),
        (when("{path: {}}"), "MR1015", "rules[0].when.path", "operators"),
        (when("{path: }"), "MR1015", "rules[0].when.path", "found nothing"),
        (when("{path: {in: x}}"), "MR1015", "rules[0].when.path.in", "a list"),
        (when("{path: {range: [1]}}"), "MR1016", "rules[0].when.path.range", "1 items"),
        (when("{path: {range: [2, 1]}}"), "MR1016", "rules[0].when.path.range", "lower bound first"),
        (when("{path: {regex: (a+)+}}"), "MR1022", "rules[0].when.path.regex", "inside of a repeat"),
        (when("{header.X: 1, header.x: 2}"), "MR1005", "rules[0].when", "but for case"),
        (when("[]"), "MR1016", "rules[0].when", "0 items"),
        ("kind: Lifecycle\nname: a\nservice: s\ndrain: {seconds: 1d}", "MR1015", "drain.seconds", "seconds"),
        ("kind: Lifecycle\nname: a\nservice: s\nwarmup: {curves: 1}", "MR1013", "warmup", "did you mean curve?"),
    ],
)
def test_what_is_wrong_is_named_with_its_code_key_and_mend(text: str, code: str, key: str, words: str) -> None:
    (problem,) = problems(text)
    assert (problem.code, problem.key) == (code, key)
    assert words in str(problem)
    assert str(problem).startswith("rules/a.yaml:%d:%d: %s " % (problem.line, problem.column, code))


def test_an_error_with_many_problems_spells_out_the_first() -> None:
    with pytest.raises(RuleError) as caught:
        documents.parse("kind: Lane\nname: a\n" + "".join("x%d: 1\n" % number for number in range(80)), "a")
    assert len(caught.value.problems) == 80
    assert str(caught.value).endswith("\nand 30 more")


@pytest.mark.parametrize("kind", ["Limit", "Resilience", "Guard", "Messaging", "Shadow"])
def test_reserved_kinds_are_refused_with_a_code(kind: str) -> None:
    (problem,) = problems("kind: %s\nname: x\nanything: {}" % kind)
    assert problem.code == "MR1012"
    assert kind in problem.what


def test_a_problem_points_at_its_value() -> None:
    (problem,) = problems("# c\nkind: Lane\nname: a\nenter:\n  - at: [web]\n    percent: many\n")
    assert (problem.line, problem.column) == (6, 14)


def test_all_problems_of_a_file_are_found_in_one_pass() -> None:
    found = problems(lane("priority: x\npaused: 2\n---\nkind: Lan\n---\nkind: [\n---\n!!python/name:os {}\n"))
    assert [(one.line, one.code) for one in found] == [
        (3, "MR1015"),
        (4, "MR1015"),
        (6, "MR1011"),
        (9, "MR1002"),
        (10, "MR1004"),
    ]


@pytest.mark.parametrize(
    ("text", "code", "line", "words"),
    [
        ("kind: Lane\nname: a\n---\nkind: Lane\nname: a\nnamespace: default", "MR1030", 4, "rules/a.yaml:1"),
        (
            "kind: Alias\nname: a\nhosts: [x, y]\nservice: s\n---\nkind: Alias\nname: b\nhosts: [z, X]\nservice: t",
            "MR1031",
            8,
            "rules/a.yaml:1",
        ),
        ("kind: Mesh\n---\nkind: Mesh\nname: other", "MR1032", 3, "rules/a.yaml:1"),
        (
            "kind: Lifecycle\nname: a\nservice: s\n---\nkind: Lifecycle\nname: b\nnamespace: x\nservice: s.default",
            "MR1035",
            8,
            "default/s",
        ),
    ],
)
def test_contradictions_name_both_places(text: str, code: str, line: int, words: str) -> None:
    (problem,) = problems(text)
    assert (problem.code, problem.line) == (code, line)
    assert words in problem.what


def test_the_mesh_document_of_a_namespace_adds_reserved_keys_there_only() -> None:
    text = "kind: Mesh\nrouting_keys: [Stage]\n---\nkind: Lane\nname: a\ntags: {stage: x}\n"
    documents.check_set(documents.parse(text, "a"))
    (problem,) = problems(text + "namespace: shop\n")
    assert problem.code == "MR1033"


def test_advice_is_given_for_slow_and_for_pointless_rules() -> None:
    slow = ", ".join("{when: {path: {regex: 'v%d.*'}}, to: [{tags: {v: a}}]}" % n for n in range(51))
    (slow_one,) = documents.advice(documents.parse(route(slow), "a"))
    assert slow_one.code == "MR1040"
    (pointless,) = documents.advice(documents.parse(route("{to: [{tags: {lane: gray}}]}"), "a"))
    assert (pointless.code, pointless.key) == ("MR1041", "rules[0].to[0].tags.lane")
    assert documents.advice(documents.parse(EXAMPLE, "a")) == []


def complete(error: RuleError) -> None:
    assert error.problems
    assert all(one.line > 0 and one.column > 0 and one.what and one.mend and one.code for one in error.problems)


KEYS = st.sampled_from(
    [
        "kind",
        "name",
        "namespace",
        "service",
        "rules",
        "when",
        "to",
        "tags",
        "weight",
        "else",
        "on",
        "at",
        "enter",
        "percent",
        "sticky",
        "fallback",
        "default",
        "strict",
        "expires",
        "paused",
        "hosts",
        "priority",
        "header.x",
        "path",
        "exact",
        "in",
        "regex",
        "range",
        "present",
        "routing_keys",
        "drain",
        "seconds",
    ]
)
SCALARS = st.one_of(
    st.sampled_from(["Lane", "Route", "Alias", "Mesh", "Lifecycle", "a", "web", "baseline", "2027-01-01", "x.y"]),
    st.text(max_size=6),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.dates(),
    st.binary(max_size=4),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(KEYS, SCALARS), inner, max_size=4)),
    max_leaves=12,
)
HEADS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["Lane", "Route", "Alias", "Mesh", "Lifecycle"]), "name": st.just("a")}
)


@settings(max_examples=120)
@given(
    st.lists(
        st.one_of(
            VALUES, st.tuples(HEADS, st.dictionaries(KEYS, VALUES, max_size=4)).map(lambda two: {**two[1], **two[0]})
        ),
        max_size=3,
    )
)
def test_any_yaml_is_a_set_of_documents_or_the_documented_error(values: List[Any]) -> None:
    try:
        text = yaml.dump_all(values)
    except (TypeError, yaml.YAMLError):
        return
    try:
        documents.check_set(documents.parse(text, "a"))
    except RuleError as error:
        complete(error)


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_any_text_or_bytes_are_a_set_of_documents_or_the_documented_error(data: Any) -> None:
    try:
        documents.parse(data, "a")
    except RuleError as error:
        complete(error)


@settings(max_examples=100)
@given(st.data())
def test_a_damaged_file_is_read_or_named(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(EXAMPLE)))
    inserted = data.draw(st.text(alphabet="{}[]:-#&*!\"' \n\x00a", max_size=3))
    try:
        documents.parse(EXAMPLE[:cut] + inserted + EXAMPLE[cut + len(inserted) :], "a")
    except RuleError as error:
        complete(error)


def test_every_code_has_a_meaning() -> None:
    from pathlib import Path

    from meshrun.core import problem

    folder = Path(problem.__file__).parent
    used = {
        word for path in folder.glob("*.py") for word in __import__("re").findall(r'"(MR1\d{3})"', path.read_text())
    }
    assert used == set(problem.CODES)
