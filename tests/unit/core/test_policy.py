"""Which Policy decides the mode of a process, and what it says of those that do not."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Tuple

import pytest

from meshrun.core import documents, policy
from meshrun.core.compile import build
from meshrun.core.policy import Subject
from meshrun.core.rules import EMPTY, Policy

NOW = 1_800_000_000.0


def subject(service: Optional[str] = "web", namespace: str = "default", identity: str = "i-1", **tags: str) -> Subject:
    return Subject(namespace, service, tags, identity)


def policies(text: str) -> Tuple[Policy, ...]:
    parsed = documents.parse(text, "a.yaml")
    documents.check_set(parsed)
    return build({one.identity: one.document for one in parsed}, 1).policies


def mode(text: str, who: Subject, setting: str = "enforce", now: float = NOW) -> str:
    return policy.mode(policies(text), who, setting, now).mode


def test_a_document_has_its_defaults() -> None:
    assert policies("kind: Policy\nname: a\nmode: off") == (
        Policy("a", "default", "default", None, (), "off", 100.0, None),
    )


def test_a_document_with_everything() -> None:
    text = """\
kind: Policy
name: shop-canary
selector: { namespace: shop, service: orders, tags: { Zone: a } }
mode: enforce
percent: 20
expires: 2027-01-01T00:00:00Z
"""
    (one,) = policies(text)
    assert one == Policy("shop-canary", "default", "shop", "orders", (("zone", "a"),), "enforce", 20.0, 1798761600)
    assert one.identity == "Policy/default/shop-canary"


def test_without_a_policy_the_setting_holds() -> None:
    assert policy.mode((), subject(), "carry", NOW) == policy.Chosen("carry", None)


@pytest.mark.parametrize(
    ("selector", "who", "selected"),
    [
        ("{}", subject(), True),
        ("{}", subject(None), True),
        ("{}", subject(namespace="shop"), False),
        ("{namespace: shop}", subject(namespace="shop"), True),
        ("{namespace: shop}", subject(), False),
        ("{namespace: '*'}", subject(namespace="shop"), True),
        ("{service: web}", subject(), True),
        ("{service: web}", subject("pay"), False),
        ("{service: web}", subject(None), False),
        ("{service: web}", subject(namespace="shop"), False),
        ("{service: web.shop}", subject(namespace="shop"), True),
        ("{service: web.shop}", subject(), False),
        ("{namespace: shop, service: web}", subject(namespace="shop"), True),
        ("{namespace: shop, service: web.shop}", subject(namespace="shop"), True),
        ("{namespace: '*', service: web}", subject(namespace="shop"), True),
        ("{tags: {Zone: a}}", subject(zone="a"), True),
        ("{tags: {zone: a}}", subject(zone="b"), False),
        ("{tags: {zone: a, version: v2}}", subject(zone="a"), False),
        ("{tags: {zone: a}}", subject(), False),
    ],
)
def test_a_selector_names_processes(selector: str, who: Subject, selected: bool) -> None:
    text = "kind: Policy\nname: a\nmode: observe\nselector: %s" % selector
    assert mode(text, who) == ("observe" if selected else "enforce")


@pytest.mark.parametrize(
    ("far", "close"),
    [
        ("{}", "{service: web}"),
        ("{tags: {zone: a, version: v2}}", "{service: web}"),
        ("{service: web}", "{service: web, tags: {zone: a}}"),
        ("{tags: {zone: a}}", "{tags: {zone: a, version: v2}}"),
        ("{namespace: '*'}", "{}"),
        ("{namespace: '*', service: web}", "{service: web}"),
    ],
)
def test_the_closest_selector_decides_whatever_the_names(far: str, close: str) -> None:
    form = "kind: Policy\nname: %s\nmode: %s\nselector: %s"
    for names in ("ab", "ba"):
        text = "\n---\n".join((form % (names[0], "observe", far), form % (names[1], "carry", close)))
        assert mode(text, subject(zone="a", version="v2")) == "carry"


def test_of_equally_close_selectors_the_first_name_decides() -> None:
    form = "kind: Policy\nname: %s\nmode: %s\nselector: %s"
    text = "\n---\n".join((form % ("b", "observe", "{tags: {zone: a}}"), form % ("a", "carry", "{tags: {x: y}}")))
    assert mode(text, subject(zone="a", x="y")) == "carry"


def test_one_that_has_expired_counts_no_more() -> None:
    text = "kind: Policy\nname: a\nmode: observe\nexpires: 2027-01-15T08:00:00Z"
    assert mode(text, subject(), now=1_800_000_000 - 1) == "observe"
    assert mode(text, subject(), now=1_800_000_000) == "enforce"


def test_those_that_a_share_leaves_out_carry_and_who_is_in_stays_in() -> None:
    text = "kind: Policy\nname: canary\nmode: enforce\npercent: %s\n---\nkind: Policy\nname: x\nmode: off"
    fleet = [subject(identity="i-%d" % number) for number in range(2000)]
    before: set[str] = set()
    for percent in (0, 5, 20, 60, 100):
        inside = {who.identity for who in fleet if mode(text % percent, who, "observe") == "enforce"}
        assert {mode(text % percent, who, "observe") for who in fleet if who.identity not in inside} <= {"carry"}
        assert before <= inside
        assert abs(len(inside) - 20 * percent) < 100
        before = inside
    assert len(before) == 2000


def test_the_share_is_that_of_the_documented_hash() -> None:
    """So that other tools can say who is in."""
    from hashlib import blake2b

    number = int.from_bytes(blake2b(b"canary\0i-1").digest()[:8], "big") % 10_000
    text = "kind: Policy\nname: canary\nmode: enforce\npercent: %s"
    assert mode(text % (number / 100), subject()) == "carry"
    assert mode(text % ((number + 1) / 100), subject()) == "enforce"


def test_each_policy_says_why_it_decides_or_not() -> None:
    form = "kind: Policy\nname: %s\nmode: observe\n%s"
    text = "\n---\n".join(
        form % pair
        for pair in (
            ("a", "selector: {service: pay}"),
            ("b", "selector: {service: web}\nexpires: 2020-01-01T00:00:00Z"),
            ("c", "selector: {tags: {zone: a}}\npercent: 0"),
            ("d", "selector: {tags: {zone: b}}"),
            ("e", "selector: {namespace: shop}"),
            ("f", ""),
        )
    )
    found = {one.policy.name: (one.matched, one.why) for one in policy.judge(policies(text), subject(zone="a"), NOW)}
    assert found == {
        "a": (False, "selects the service pay"),
        "b": (False, "expired"),
        "c": (True, "decides: outside of 0 percent"),
        "d": (False, "selects the tag zone=b"),
        "e": (False, "selects the namespace shop"),
        "f": (False, "a closer Policy decides"),
    }


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("mode: on", "MR1016"),
        ("percent: 101\nmode: off", "MR1016"),
        ("mode: off\nexpires: tomorrow", "MR1015"),
        ("mode: off\nselector: {zone: a}", "MR1013"),
        ("mode: off\nselector: {namespace: 'a.b'}", "MR1016"),
        ("mode: off\nselector: {namespace: shop, service: web.default}", "MR1016"),
        ("mode: off\nselector: {namespace: '*', service: web.shop}", "MR1016"),
        ("mode: off\nselector: web", "MR1015"),
        ("percent: 5", "MR1014"),
    ],
)
def test_what_no_policy_can_say_is_refused(line: str, code: str) -> None:
    with pytest.raises(documents.RuleError) as caught:
        documents.parse("kind: Policy\nname: a\n" + line, "a.yaml")
    assert [problem.code for problem in caught.value.problems] == [code]


@pytest.mark.parametrize(
    ("text", "codes"), [("mode: off\npercent: 5", ["MR1042"]), ("mode: off", []), ("mode: enforce\npercent: 5", [])]
)
def test_a_share_below_carry_is_worth_a_word(text: str, codes: Any) -> None:
    parsed = documents.parse("kind: Policy\nname: a\n" + text, "a.yaml")
    assert [problem.code for problem in documents.advice(parsed)] == codes


def test_a_policy_names_no_mesh_service_and_is_compiled_once() -> None:
    """A host does not become a service because somebody switches its mode."""
    parsed = documents.parse("kind: Policy\nname: a\nmode: off\nselector: {service: web}", "a.yaml")
    known: Mapping[str, Any] = {one.identity: one.document for one in parsed}
    first = build(known, 1)
    assert first.services == EMPTY.services
    assert build(known, 2, first).policies[0] is first.policies[0]


def test_a_program_that_is_no_instance_is_known_by_host_and_service() -> None:
    assert policy.identity("host", "web") == "host/web"
    assert policy.identity("host", None) == "host/-"
