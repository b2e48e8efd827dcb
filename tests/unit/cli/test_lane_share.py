from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshrun.cli.lane_share import set_percent
from meshrun.core import documents
from meshrun.core.edit import edit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl

HEAD = "kind: Lane\nname: gray\n"


def parsed(text: str) -> Dict[str, Any]:
    return dict(documents.parse(text, "x.yaml")[0].document)


def rules(meshctl: Meshctl) -> Path:
    """The file of a store that nobody has used yet."""
    folder = meshctl.folder / "store" / "rules"
    folder.mkdir(parents=True)
    return folder / "hand.yaml"


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
        (
            "enter:\n  # QA\n  - { at: web, when: { header.a: 'b # c' } } # x\n  # y\n",
            "enter:\n  # QA\n  - { at: web, when: { header.a: 'b # c' } } # x\n  - { at: [web], percent: 25 }\n  # y\n",
        ),
    ],
)
def test_only_the_share_changes(meshctl: Meshctl, before: str, after: str) -> None:
    """What else the document says stays as it is written, with its comments."""
    path = rules(meshctl)
    path.write_text(HEAD + before, encoding="utf-8")
    run = meshctl("lane", "percent", "gray", "25")
    assert run.status == 0, run.err
    assert path.read_text(encoding="utf-8") == HEAD + after
    assert parsed(HEAD + after) == set_percent(parsed(HEAD + before), 25)


def test_a_document_in_brackets_keeps_its_layout(meshctl: Meshctl) -> None:
    path = rules(meshctl)
    path.write_text("{kind: Lane, name: gray,\n  enter: [{at: web, percent: 1}]} # ours\n", encoding="utf-8")
    assert meshctl("lane", "percent", "gray", "25").status == 0
    text = "{kind: Lane, name: gray,\n  enter: [{at: web, percent: 25}]} # ours\n"
    assert path.read_text(encoding="utf-8") == text


_ITEM = st.fixed_dictionaries(
    {"at": st.lists(st.sampled_from(["web", "orders", "a.b"]), min_size=1, max_size=2, unique=True)},
    optional={
        "percent": st.one_of(st.integers(0, 100), st.just(0.5)),
        "when": st.just([{"header.x": {"exact": "y"}}]),
        "sticky": st.just("header.x"),
    },
)


@settings(max_examples=60)
@given(st.lists(_ITEM, min_size=1, max_size=4), st.integers(0, 100), st.booleans())
def test_the_changed_text_means_what_the_changed_document_means(
    items: List[Dict[str, Any]], percent: int, paused: bool
) -> None:
    lane: Dict[str, Any] = {"kind": "Lane", "namespace": "default", "name": "gray", "enter": items}
    if paused:
        lane["paused"] = True
    text = documents.render(lane).replace("enter:\n", "enter: # who\n")
    wanted = set_percent(parsed(text), percent)
    changed = edit({"f": text}, [("Lane/default/gray", documents.render(wanted))])["f"]
    assert parsed(changed) == wanted
    assert "enter: # who\n" in changed
