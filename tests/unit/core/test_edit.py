"""Edits of rule files: one document changes, everything else stays byte for byte."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshrun.core import documents
from meshrun.core.documents import RuleError
from meshrun.core.edit import alone, edit, file_name
from tests.contract.rule_forms import DOCUMENTS

HAND = """\
# the shop's rules

---
# the gray lane
kind: Lane # by the web team
name: gray
enter:
  # testers
  - { at: [web], when: { header.x-user-id: "1" } } # one
  - { at: [web], percent: 10, sticky: header.x-user-id } # ten
paused: true
# end of gray

# about blue
---
kind: Lane
name: blue
"""
GRAY, BLUE = "Lane/default/gray", "Lane/default/blue"


def gray(percent: int, extra: str = "") -> str:
    (document,) = (one.document for one in documents.parse(HAND, "a") if one.identity == GRAY)
    enter = [document["enter"][0], dict(document["enter"][1], percent=percent)]
    return documents.render({**document, "enter": enter}) + extra


def once(text: str, *edits: Tuple[str, Optional[str]]) -> Dict[str, str]:
    return edit({"rules/a.yaml": text}, edits)


def test_a_single_value_changes_where_it_stands() -> None:
    assert once(HAND, (GRAY, gray(50))) == {"rules/a.yaml": HAND.replace("percent: 10", "percent: 50")}


def test_the_same_document_changes_nothing() -> None:
    assert once(HAND, (GRAY, gray(10))) == {"rules/a.yaml": HAND}


def test_a_key_goes_with_its_line_and_a_new_one_comes_behind_the_last() -> None:
    text = gray(10).replace("paused: true", "priority: 3")
    assert once(HAND, (GRAY, text)) == {"rules/a.yaml": HAND.replace("paused: true", "priority: 3")}


def test_a_key_of_another_shape_is_replaced_alone() -> None:
    text = "kind: Lane\nname: gray\nenter:\n  - { at: [web] }\npaused: true\n"
    (after,) = once(HAND, (GRAY, text)).values()
    assert after.startswith(HAND[: HAND.index("  # testers")] + "  - { at: [web] }")
    assert after.endswith(HAND[HAND.index("paused") :])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: # list\n  - one # 1\n  - two # 2\n", "a: # list\n  - one # 1\n  - new\n  - two # 2\n"),
        ("a:\n- one # 1\n- two # 2\n", "a:\n- new\n- one # 1\n- two # 2\n"),
        ("a: [one, # 1\n  two]\n", "a: [one, # 1\n  two, new]\n"),
        ("a: [one, # 1\n  two]\n", "a: [new, one, # 1\n  two]\n"),
        ("a:\n  - one # 1\n  - two # 2\n  - three # 3\n", "a:\n  - one # 1\n  - three # 3\n"),
        ("a: [one, two] # 1\n", "a: [two] # 1\n"),
        ("a: one # 1\n", "a: [one, two] # 1\n"),
    ],
)
def test_an_item_comes_or_goes_and_the_others_keep_their_comments(before: str, after: str) -> None:
    """Written here as ``a``: the hosts of an Alias."""
    head = "kind: Alias\nname: old\nservice: orders\n"
    before, after = (head + text.replace("a:", "hosts:") for text in (before, after))
    wanted = documents.parse(after, "f")[0]
    assert edit({"f": before}, [(wanted.identity, documents.render(wanted.document))]) == {"f": after}


ROUTE = """\
kind: Route
name: split
service: orders
rules:
  # testers
  - when: { path: { prefix: /v2 } } # new
    to: [{ tags: { version: v2 } }]
  - to:
      # most
      - tags:
          version: v1 # old
      - { tags: { version: v2 }, weight: 2 }
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version: v1 # old\n", "version: v1 # old\n        weight: 9\n"),
        ("version: v1 # old\n", "version: v1 # old\n          zone: a\n"),
        ("weight: 2 }\n", "weight: 2 }\n    else: reject\n"),
        ("# new\n    to:", "# new\n    else: reject\n    to:"),
        ("    to: [{ tags: { version: v2 } }]\n", "    to: [{ tags: { version: v2 } }, { tags: { version: v3 } }]\n"),
        ("/v2 } } # new", "/v3 } } # new"),
        ("weight: 2 }", "weight: 2 }\n  - { to: [{ tags: { zone: a } }], else: baseline }"),
        ("name: split\n", "name: split\npriority: 3\n"),
    ],
)
def test_what_changes_deep_inside_changes_nothing_around(before: str, after: str) -> None:
    wanted = documents.parse(ROUTE.replace(before, after), "f")[0]
    changed = edit({"f": ROUTE}, [(wanted.identity, documents.render(wanted.document))])["f"]
    assert documents.parse(changed, "f")[0].document == wanted.document
    assert sorted(changed.splitlines()) == sorted(ROUTE.replace(before, after).splitlines())


def test_what_means_the_same_stays_as_it_is_written() -> None:
    text = (
        "kind: Lane\nnamespace: default\nname: gray\ntags: { LANE: gray }\npaused: yes\n"
        "enter: [{ at: web.default, percent: 010, when: { header.A: { exact: b } } }]\n"
        "expires: 2027-01-01T01:00:00+01:00\n"
    )
    document = dict(documents.parse(text, "f")[0].document, priority=3)
    assert once(text, (GRAY, documents.render(document))) == {
        "rules/a.yaml": text.replace("LANE: gray }\n", "LANE: gray }\npriority: 3\n")
    }


def test_a_sign_inside_a_value_is_no_comment() -> None:
    text = HAND.replace('"1"', '"a #1"')
    wanted = dict(documents.parse(text, "f")[0].document, paused=False)
    assert once(text, (GRAY, documents.render(wanted))) == {
        "rules/a.yaml": text.replace("paused: true", "paused: false")
    }


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("# x\n\n---\n# y\nkind: Lane # z\nname: gray\n\n# w\n---\nkind: Lane\nname: blue\n", "# y\n%s\n\n# w\n"),
        ("--- # y\n\nkind: Lane # z\nname: gray", "# y\n\n%s\n"),
        ("\ufeff\n  kind: Lane # z\n  name: gray\n...\n", "  %s\n"),
        ("--- {kind: Lane, name: gray} # z\n", "{kind: Lane, %sname: gray} # z\n"),
    ],
)
def test_a_document_alone_keeps_its_comments_and_its_namespace(text: str, own: str) -> None:
    indent = own[: own.index("%")] if own.startswith(" ") else ""
    for namespace in ("default", "shop"):
        (one, *_) = documents.parse(text, "f", namespace)
        line = "namespace: shop\n" + indent if namespace == "shop" else ""
        block = "kind: Lane # z\n" + indent + line + "name: gray"
        flow = "namespace: shop, " if namespace == "shop" else ""
        assert alone(text, one) == own % (flow if "{" in own else block)
        assert documents.parse(alone(text, one), "f")[0].document == one.document


def test_an_indented_document_can_be_given() -> None:
    after = once(HAND, (BLUE, "\n  kind: Lane\n  name: blue\n  paused: true # now\n"))["rules/a.yaml"]
    assert after.endswith("---\n  kind: Lane\n  name: blue\n  paused: true # now\n")


def test_a_text_with_comments_replaces_the_document_and_the_comments_right_above() -> None:
    (after,) = once(HAND, (GRAY, "---\n# mine\nkind: Lane\nname: gray # new\n")).values()
    assert after == "# the shop's rules\n\n---\n# mine\nkind: Lane\nname: gray # new\n" + HAND[HAND.index("# end") :]


def test_a_deleted_document_takes_its_marker_and_the_comments_right_above() -> None:
    assert once(HAND, (GRAY, None)) == {"rules/a.yaml": "# the shop's rules\n\n" + HAND[HAND.index("# end") :]}
    assert once(HAND, (BLUE, None)) == {"rules/a.yaml": HAND[: HAND.index("---\nkind: Lane\nname: blue")]}


def test_the_file_goes_with_its_last_document() -> None:
    assert once(HAND, (GRAY, None), (BLUE, None)) == {}


def test_deleting_what_is_not_there_changes_nothing() -> None:
    assert once(HAND, ("Lane/shop/gray", None)) == {"rules/a.yaml": HAND}


def test_a_new_document_gets_a_file_of_its_own() -> None:
    after = edit(
        {}, [("Lane/default/new", "kind: Lane\nname: new"), ("Mesh/shop/mesh", "---\nkind: Mesh\nnamespace: shop\n")]
    )
    assert after == {
        "rules/lane.new.yaml": "kind: Lane\nname: new\n",
        "rules/mesh.shop.mesh.yaml": "kind: Mesh\nnamespace: shop\n",
    }


def test_a_new_document_whose_file_exists_goes_to_its_end() -> None:
    before = {"rules/lane.shop.gray.yaml": "kind: Lane\nname: shop.gray"}
    after = edit(before, [("Lane/shop/gray", "kind: Lane\nnamespace: shop\nname: gray")])
    assert after == {
        "rules/lane.shop.gray.yaml": "kind: Lane\nname: shop.gray\n---\nkind: Lane\nnamespace: shop\nname: gray\n"
    }


def test_file_names_hold_kind_namespace_and_name() -> None:
    assert file_name("Route/default/orders-split") == "route.orders-split.yaml"
    assert file_name("Route/shop/orders-split") == "route.shop.orders-split.yaml"


def test_line_ends_stay_those_of_the_file() -> None:
    text = "kind: Lane\r\nname: gray\r\npriority: 1\r\n---\r\nkind: Lane\r\nname: blue\r\n"
    (after,) = once(text, (GRAY, "kind: Lane\nname: gray\npriority: 2\npaused: true\n")).values()
    assert after == text.replace("1\r\n", "2\r\npaused: true\r\n")
    (after,) = once(text, (GRAY, "kind: Lane\nname: gray # x\n"), (BLUE, None)).values()
    assert after == "kind: Lane\r\nname: gray # x\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffkind: Lane\nname: gray\n---\nkind: Lane\nname: blue",
        "--- {kind: Lane, name: gray}\n--- {kind: Lane, name: blue}",
        "---\n  kind: Lane\n  name: gray\n...\n---\nkind: Lane\nname: blue\n",
        "{kind: Lane, name: gray} # c\n---\n\n\n{kind: Lane, name: blue}\n\n",
        "kind: Lane\nname: >-\n  gray\n---\nkind: Lane\nname: blue\n",
        "kind: Lane\nname: &n gray\ntags: {lane: *n}\n---\nkind: Lane\nname: blue\n",
    ],
)
@pytest.mark.parametrize("new", ["kind: Lane\nname: gray\npriority: 5\ntags: {lane: x}\n", None])
def test_every_way_to_write_a_document_can_be_edited(text: str, new: Optional[str]) -> None:
    (after,) = once(text, (GRAY, new)).values()
    parsed = {one.identity: one.document for one in documents.parse(after, "a")}
    assert parsed.pop(BLUE)["name"] == "blue"
    assert parsed.pop(GRAY, {}).get("priority") == (5 if new else None)
    assert after[after.index("blue") - 5 :] == text[text.index("blue") - 5 :]


def test_an_edit_must_be_the_document_that_it_names() -> None:
    for text in ("kind: Lane\nname: other", "kind: Lane\nname: gray\n---\nkind: Lane\nname: blue", "# nothing"):
        with pytest.raises(RuleError) as caught:
            once(HAND, (GRAY, text))
        assert caught.value.problems[0].code == "MR1036"


def test_a_file_that_does_not_parse_is_left_to_its_author() -> None:
    with pytest.raises(RuleError) as caught:
        once("kind: [", (GRAY, "kind: Lane\nname: gray"))
    assert caught.value.problems[0].file == "rules/a.yaml"


PIECES = st.sampled_from(["", "\n", "# note\n", "\n# note\n\n", "   # note\n"])


@st.composite
def files(draw: st.DrawFn) -> Tuple[str, List[Dict[str, Any]]]:
    """A file as people write it: documents with comments and blank lines around, of rendered text."""
    some = draw(st.lists(DOCUMENTS, min_size=1, max_size=4, unique_by=documents.identity))
    text = draw(PIECES)
    for number, document in enumerate(some):
        marker = (
            draw(st.sampled_from(["---\n", "--- # marker\n", "...\n---\n"])) if number or draw(st.booleans()) else ""
        )
        text += marker + draw(PIECES) + documents.render(document) + draw(PIECES)
    return text, some


@settings(max_examples=80)
@given(files(), DOCUMENTS, st.integers(0, 3), st.booleans())
def test_an_edit_says_what_it_should_and_touches_nothing_else(
    file: Tuple[str, List[Dict[str, Any]]], other: Dict[str, Any], chosen: int, delete: bool
) -> None:
    text, some = file
    target = some[chosen % len(some)]
    new = {**other, "kind": target["kind"], "namespace": target["namespace"], "name": target["name"]}
    if other["kind"] != target["kind"] or "." + new["namespace"] in str(new):
        new = dict(target)
    identity = documents.identity(target)
    after = edit({"f": text}, [(identity, None if delete else documents.render(new))])
    rest = [document for document in some if document is not target]
    if delete and not rest:
        assert after == {}
        return
    expected = [document if document is not target else new for document in some if not (delete and document is target)]
    assert [one.document for one in documents.parse(after["f"], "f")] == expected
    stand = documents.parse(text, "f")
    mine = next(one for one in stand if one.identity == identity)
    assert after["f"].startswith(text[: mine.marker])
    assert after["f"].endswith(text[mine.limit :])
    assert after["f"].count("# note") >= text.count("# note") - text[mine.marker : mine.start].count("# note")
