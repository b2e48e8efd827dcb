from __future__ import annotations

from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshrun.cli.lane_text import at_of, set_percent, with_percent
from meshrun.cli.yaml_edit import with_namespace
from meshrun.core import documents

HEAD = "kind: Lane\nname: gray\n"


def parsed(text: str) -> Dict[str, Any]:
    return dict(documents.parse(text, "x.yaml")[0].document)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("enter: [{ at: [web], percent: 10 }] # x\n", "enter: [{ at: [web], percent: 25 }] # x\n"),
        ("enter: [{at: web}]\n", "enter: [{at: web, percent: 25}]\n"),
        (
            "enter:\n- at: web\n  when: {path: /a} # x\n",
            "enter:\n- at: web\n  when: {path: /a} # x\n- { at: [web], percent: 25 }\n",
        ),
        (
            "enter:\n  - at:\n      - web # w\n      - shop\npaused: yes",
            "enter:\n  - at:\n      - web # w\n      - shop\n    percent: 25\npaused: false",
        ),
        (
            "enter: [{at: web, when: {path: /a}},\n {at: [b], when: {path: /b}}]\n",
            "enter: [{at: web, when: {path: /a}},\n {at: [b], when: {path: /b}}, { at: [web, b], percent: 25 }]\n",
        ),
        (
            "enter:\n  - {at: a, percent: 1}\n  - {at: b, percent: 2, sticky: header.x}\n",
            "enter:\n  - {at: a, percent: 25}\n  - {at: b, percent: 25, sticky: header.x}\n",
        ),
        (
            "enter:\n  - at: [a]\n    percent: 1.5 # one\n    when:\n      header.x: y\n",
            "enter:\n  - at: [a]\n    percent: 25 # one\n    when:\n      header.x: y\n",
        ),
    ],
)
def test_only_the_number_changes(before: str, after: str) -> None:
    at = at_of(parsed(HEAD + before))
    assert with_percent(HEAD + before, 25, at) == HEAD + after
    assert parsed(HEAD + after) == set_percent(parsed(HEAD + before), 25)


def test_a_layout_that_cannot_be_changed_safely_is_left_to_the_caller() -> None:
    assert with_percent(HEAD, 25, []) is None
    assert with_percent("kind: [", 25, []) is None
    assert with_percent(HEAD + "---\n" + HEAD, 25, []) is None


_ITEM = st.fixed_dictionaries(
    {"at": st.lists(st.sampled_from(["web", "orders", "a.b"]), min_size=1, max_size=2, unique=True)},
    optional={
        "percent": st.one_of(st.integers(0, 100), st.just(0.5)),
        "when": st.just([{"header.x": {"exact": "y"}}]),
        "sticky": st.just("header.x"),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_ITEM, min_size=1, max_size=4), st.integers(0, 100), st.booleans())
def test_the_changed_text_means_what_the_changed_document_means(
    items: List[Dict[str, Any]], percent: int, paused: bool
) -> None:
    lane: Dict[str, Any] = {"kind": "Lane", "namespace": "default", "name": "gray", "enter": items}
    if paused:
        lane["paused"] = True
    text = documents.render(lane)
    document = parsed(text)
    changed = with_percent(text, percent, at_of(document))
    assert changed is not None
    assert parsed(changed) == set_percent(document, percent)


@pytest.mark.parametrize("text", [HEAD + "# x\n", "{kind: Lane, name: gray}\n", "# above\nkind: Lane\nname: gray\n"])
def test_the_namespace_is_written_into_a_document_that_names_none(text: str) -> None:
    written = with_namespace(text, "shop")
    assert documents.parse(written, "x")[0].identity == "Lane/shop/gray"
    assert with_namespace(written, "other") == written
    assert all(comment in written for comment in ("# x", "# above") if comment in text)
