from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Run

RULES = """
kind: Lane
name: gray
enter: [{ at: [web], when: { header.x-user-id: "7" } }]
---
kind: Route
name: split
service: orders
rules:
  - when: { path: { prefix: /v2 } }
    to: [{ tags: { version: v2 } }]
    else: reject
"""
INSTANCES = """
instances:
  - { service: orders, tags: { version: v1 } }
  - { service: orders, tags: { lane: gray }, address: 10.0.0.9, port: 8000 }
"""


def run(meshctl: Meshctl, cases: str, *words: str, rules: str = RULES) -> Run:
    path = meshctl.folder / "cases.yaml"
    path.write_text(cases, encoding="utf-8")
    (meshctl.folder / "rules.yaml").write_text(rules, encoding="utf-8")
    return meshctl("rules", "test", str(path), "--rules", str(meshctl.folder / "rules.yaml"), *words)


def case(call: str, expect: str, name: str = "it") -> str:
    return "%scases:\n  - { name: %s, call: %s, expect: %s }\n" % (INSTANCES, name, call, expect)


@pytest.mark.parametrize(
    ("call", "expect"),
    [
        (
            "{ from: web, to: orders, headers: { X-User-Id: 7 } }",
            "{ lane: gray, reason: lane, colour: { lane: gray } }",
        ),
        ("{ from: web, to: orders }", "{ lane: baseline, tags: { version: v1 }, colour: {} }"),
        ("{ to: orders, colour: { lane: gray } }", "{ address: '10.0.0.9:8000', service: orders, refused: false }"),
        ("{ to: orders, path: /v2/a }", "{ reason: 'rejected:split', refused: true, address: none, lane: none }"),
        ("{ url: 'http://elsewhere/' }", "{ reason: not-mesh, address: none }"),
    ],
)
def test_a_case_that_holds(meshctl: Meshctl, call: str, expect: str) -> None:
    done = run(meshctl, case(call, expect))
    assert done.status == 0, done.out
    assert done.out.splitlines()[0] == "ok    it"


def test_both_sides_of_a_case_that_fails_are_printed_with_the_rules(meshctl: Meshctl) -> None:
    done = run(meshctl, case("{ from: web, to: orders, headers: { x-user-id: 8 } }", "{ lane: gray }"))
    assert done.status == 1
    said = " ".join(done.out.split())
    assert "FAIL it (" in said
    assert "expected lane gray got lane baseline, reason baseline, address 192.0.2.1:80" in said
    assert "rule Lane gray enter[0] no: header.x-user-id is '8', expected '7'" in said
    assert "1 case, 1 failed" in said


def test_a_case_without_a_draw_must_hold_for_every_one(meshctl: Meshctl) -> None:
    rules = "kind: Lane\nname: gray\nenter: [{ at: [web], percent: 50 }]\n"
    call = "{ from: web, to: orders%s }"
    assert run(meshctl, case(call % "", "{ lane: baseline }"), rules=rules).status == 1
    assert run(meshctl, case(call % "", "{ lane: gray }"), rules=rules).status == 1
    assert run(meshctl, case(call % ", draw: 0.6", "{ lane: baseline }"), rules=rules).status == 0
    assert run(meshctl, case(call % ", draw: 0.4", "{ lane: gray }"), rules=rules).status == 0
    shape = run(meshctl, case(call % "", "{ lane: gray }"), "-o", "json", rules=rules).json
    assert shape["cases"][0]["draw"] == 0.5  # the first draw that goes wrong


def test_rules_that_no_case_reaches_are_named(meshctl: Meshctl) -> None:
    done = run(meshctl, case("{ from: web, to: orders }", "{ lane: baseline }"), "-o", "json")
    assert done.json["not_reached"] == ["Lane gray enter[0]", "Route split rules[0]"]


def test_the_time_of_the_calls_may_be_set(meshctl: Meshctl) -> None:
    rules = "kind: Lane\nname: gray\nexpires: 2030-01-01T00:00:00Z\nenter: [{ at: [web] }]\n"
    cases = case("{ from: web, to: orders }", "{ lane: %s }")
    assert run(meshctl, "time: 2029-12-31T00:00:00Z\n" + cases % "gray", rules=rules).status == 0
    assert run(meshctl, "time: 2030-01-02T00:00:00Z\n" + cases % "baseline", rules=rules).status == 0


def test_without_rules_and_instances_those_of_the_store_count(meshctl: Meshctl) -> None:
    meshctl.apply(RULES)
    meshctl.instance("orders", 9000, tags={"lane": "gray"})
    path = meshctl.folder / "cases.yaml"
    path.write_text("cases: [{ call: { to: orders, colour: { lane: gray } }, expect: { address: '127.0.0.1:9000' } }]")
    done = meshctl("rules", "test", str(path))
    assert (done.status, done.out.splitlines()[0]) == (0, "ok    somebody calls orders: GET /")


def test_with_rules_and_instances_given_no_store_is_needed(meshctl: Meshctl) -> None:
    broken = "nacos://nowhere:1"
    path = meshctl.folder / "cases.yaml"
    path.write_text(case("{ to: orders }", "{ lane: baseline }"))
    (meshctl.folder / "rules.yaml").write_text(RULES)
    words = ("rules", "test", str(path))
    assert meshctl(*words, "--rules", str(meshctl.folder / "rules.yaml"), store=broken).status == 0
    assert meshctl(*words, store=broken).status == 3


def test_an_empty_store_is_said(meshctl: Meshctl) -> None:
    path = meshctl.folder / "cases.yaml"
    path.write_text(case("{ to: orders }", "{ lane: baseline }"))
    assert "there are no rules in the store" in meshctl("rules", "test", str(path)).out


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("case: []\n", "1:1", "unknown key 'case'; did you mean cases?"),
        ("cases: [{ call: { from: web }, expect: { lane: a } }]\n", "1:9", "a call needs `to` or `url`"),
        ("cases: [{ call: { to: a, url: b }, expect: { lane: a } }]\n", "1:9", "a call needs `to` or `url`"),
        ("cases: [{ call: { to: a }, expect: {} }]\n", "1:9", "nothing is expected"),
        ("cases: [{ call: { to: a }, expect: { lan: a } }]\n", "1:38", "did you mean lane?"),
        ("cases: [{ call: { to: a, draw: 2 }, expect: { lane: a } }]\n", "1:32", "expected a number from 0 to 1"),
        ("cases: [{ call: { to: a } }]\n", "1:9", "the key 'expect' is missing"),
        ("cases: {}\n", "1:8", "expected a list"),
        ("- 1\n", "1:1", "expected a mapping"),
        ("cases: [\n", "2:1", "not YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(
    meshctl: Meshctl, text: str, place: str, what: str
) -> None:
    done = run(meshctl, text)
    assert (done.status, done.err.startswith("meshctl: MR3007")) == (2, True)
    said = " ".join(done.err.split())
    assert "cases.yaml:%s: " % place in said
    assert what in said


def test_a_url_that_is_none_names_the_case(meshctl: Meshctl) -> None:
    done = run(meshctl, case("{ url: 'ftp://a' }", "{ address: none }"))
    assert (done.status, "'ftp://a' is not a URL" in done.err, "cases.yaml:" in done.err) == (2, True, True)


def test_rules_that_are_not_valid_are_refused(meshctl: Meshctl) -> None:
    done = run(meshctl, case("{ to: orders }", "{ lane: a }"), rules="kind: Lane\n")
    assert (done.status, done.err.startswith("meshctl: MR3006")) == (1, True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"kind: Lane\nname: gr\xffy\n", "rules.yaml:2:9: MR1001 byte 0xff is not UTF-8 text"),
        (b"\xff\xfek\0i\0n\0d\0", "rules.yaml:1:1: MR1001 byte 0xff is not UTF-8 text"),
        (b"kind: Lane\nname: gr\0y\n", "rules.yaml:2:9: MR1001 the character U+0000 is not allowed"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(meshctl: Meshctl, data: bytes, said: str) -> None:
    cases, rules = meshctl.folder / "cases.yaml", meshctl.folder / "rules.yaml"
    cases.write_text(case("{ to: orders }", "{ lane: baseline }"))
    rules.write_bytes(data)
    done = meshctl("rules", "test", str(cases), "--rules", str(rules))
    assert (done.status, done.err.splitlines()[0]) == (1, "meshctl: MR3006 1 problem in the rules; no case was run")
    assert said in " ".join(done.err.split())
    done = meshctl("rules", "test", str(rules))
    assert (done.status, done.err.startswith("meshctl: MR3007"), said in " ".join(done.err.split())) == (2, True, True)


def test_every_problem_of_a_folder_of_rules_is_named(meshctl: Meshctl) -> None:
    cases, rules = meshctl.folder / "cases.yaml", meshctl.folder / "rules"
    cases.write_text(case("{ to: orders }", "{ lane: baseline }"))
    rules.mkdir()
    (rules / "a.yaml").write_text("kind: [\n")
    (rules / "b.yaml").write_bytes(b"\xff")
    (rules / "c.yaml").write_text("kind: Lane\nname: gray\n")
    (rules / "d.yaml").write_text("kind: Lane\nname: gray\n")
    done = meshctl("rules", "test", str(cases), "--rules", str(rules), "-o", "json")
    assert done.status == 1
    assert [problem["code"] for problem in done.json["error"]["problems"]] == ["MR1002", "MR1001", "MR1030"]


@pytest.mark.parametrize("path", ["nowhere/no.yaml", "/proc/self/mem"])
def test_a_file_that_cannot_be_had_is_named(meshctl: Meshctl, path: str) -> None:
    cases = meshctl.folder / "cases.yaml"
    cases.write_text(case("{ to: orders }", "{ lane: baseline }"))
    for words in ((path,), (str(cases), "--rules", path)):
        done = meshctl("rules", "test", *words)
        assert (done.status, done.err.splitlines()[0]) == (2, "meshctl: MR2003 %s cannot be read" % path)


def test_one_input_cannot_hold_both_files(meshctl: Meshctl, monkeypatch: Any) -> None:
    text = case("{ to: orders }", "{ lane: baseline }").encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    done = meshctl("rules", "test", "-", "--rules", "-")
    assert (done.status, done.err.startswith("meshctl: MR2001 standard input cannot hold both")) == (2, True)


def test_a_file_without_rules_is_said_by_its_name(meshctl: Meshctl) -> None:
    done = run(meshctl, case("{ to: orders }", "{ lane: baseline }"), rules="")
    assert (done.status, "rules.yaml holds no rules" in done.out, "in the store" in done.out) == (0, True, False)


def test_rules_of_the_store_that_are_not_in_force_are_said(meshctl: Meshctl) -> None:
    meshctl.apply(RULES)
    (meshctl.folder / "store" / "rules" / "odd.yaml").write_bytes(b"\xff")
    cases = meshctl.folder / "cases.yaml"
    cases.write_text(case("{ to: orders }", "{ lane: baseline }"))
    done = meshctl("rules", "test", str(cases))
    assert (done.status, done.out.splitlines()[0]) == (0, "ok    it")
    assert "run on the last good rules; those in the store are not in force: rules/odd.yaml:1:1: MR1001" in " ".join(
        done.out.split()
    )


def test_cases_may_come_from_standard_input(meshctl: Meshctl, monkeypatch: Any) -> None:
    text = case("{ to: orders }", "{ lane: baseline }").encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert meshctl("rules", "test", "-").status == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert "- holds 0 documents" in meshctl("rules", "test", "-").err


def test_a_namespace_may_be_named(meshctl: Meshctl) -> None:
    rules = "kind: Lane\nnamespace: shop\nname: gray\nenter: [{ at: [web] }]\n"
    text = "namespace: shop\n" + case("{ from: web, to: orders }", "{ colour: { lane: gray }, lane: gray }")
    assert run(meshctl, text, rules=rules).status == 0
