from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl

GOOD = """# who enters gray
kind: Lane
name: gray
enter:
  - { at: [web], percent: 10 } # a tenth
---
kind: Alias
name: legacy
hosts: [old.example]
service: orders
"""
BAD = """kind: Lane
name: gray
priorty: 3
enter:
  - { at: [web], percent: 300 }
---
kind: Lan
name: x
"""


class Piped(io.BytesIO):
    """Standard input that something is piped into."""

    @property
    def buffer(self) -> Piped:
        return self

    def isatty(self) -> bool:
        return False


def test_apply_writes_one_revision_and_keeps_comments(meshctl: Meshctl) -> None:
    run = meshctl.apply(GOOD, "--author", "ann", "--reason", "first")
    assert run.status == 0
    assert run.out == "created  Lane gray\ncreated  Alias legacy\napplied as revision 1\n"
    assert "# who enters gray" in meshctl.rule_text()
    assert "# a tenth" in meshctl.rule_text()
    assert ", last change 0 s ago by ann: first" in meshctl("status").out


def test_equal_content_is_no_change(meshctl: Meshctl) -> None:
    meshctl.apply(GOOD)
    run = meshctl.apply(GOOD.replace("# a tenth", "# another comment"))
    assert run.status == 0
    assert run.out.splitlines() == [
        "same     Lane gray",
        "same     Alias legacy",
        "nothing to change: the store holds all of it already",
    ]
    shape = meshctl("rules", "apply", "-f", str(meshctl.folder / "given.yaml"), "-o", "json").json
    assert shape == {
        "revision": None,
        "created": [],
        "changed": [],
        "deleted": [],
        "unchanged": ["Lane/default/gray", "Alias/default/legacy"],
        "dry_run": False,
    }


def test_apply_leaves_documents_that_the_file_lacks(meshctl: Meshctl) -> None:
    meshctl.apply(GOOD)
    run = meshctl.apply("kind: Lane\nname: gray\nenter: [{ at: [web], percent: 20 }]\n", "-o", "json")
    assert (run.json["changed"], run.json["revision"]) == (["Lane/default/gray"], 2)
    assert "old.example" in meshctl.rule_text()


def test_a_dry_run_checks_and_writes_nothing(meshctl: Meshctl) -> None:
    run = meshctl.apply(GOOD, "--dry-run")
    assert (run.status, run.out.splitlines()[-1]) == (
        0,
        "valid; 2 documents would change (dry run, nothing was written)",
    )
    assert meshctl.rule_text() == ""
    twice = "kind: Alias\nname: other\nhosts: [old.example]\nservice: stock\n"
    meshctl.apply(GOOD)
    run = meshctl.apply(twice, "--dry-run")
    assert run.status == 1
    assert "MR1031" in run.err


def test_every_problem_is_named_with_its_place_and_nothing_is_written(meshctl: Meshctl) -> None:
    run = meshctl.apply(BAD)
    assert run.status == 1
    path = str(meshctl.folder / "given.yaml")
    text = " ".join(run.err.split())
    assert text.startswith("meshctl: MR3006 3 problems in the rules; nothing was changed")
    assert "%s:3:1: MR1013 unknown key 'priorty'; did you mean priority?" % path in text
    assert "%s:5:27: MR1016" % path in text
    assert "%s:7:7: MR1011 unknown kind 'Lan'" % path in text
    assert meshctl.rule_text() == ""
    shape = meshctl("rules", "apply", "-f", path, "-o", "json").json["error"]
    assert shape["code"] == "MR3006"
    assert [problem["line"] for problem in shape["problems"]] == [3, 5, 7]


def test_documents_get_the_namespace_of_the_command(meshctl: Meshctl) -> None:
    run = meshctl.apply(GOOD + "---\n{kind: Mesh, routing_keys: [stage]}\n", "--namespace", "shop", "-o", "json")
    assert run.json["created"] == ["Lane/shop/gray", "Alias/shop/legacy", "Mesh/shop/mesh"]
    assert meshctl("lane", "list", "-o", "json").json["lanes"] == []
    assert len(meshctl("lane", "list", "-o", "json", "--namespace", "shop").json["lanes"]) == 1
    assert "# who enters gray" in meshctl.rule_text()
    assert meshctl("rules", "lint").status == 0


def test_documents_come_from_standard_input(meshctl: Meshctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Piped(GOOD.encode()))
    assert meshctl("rules", "apply", "-f", "-").status == 0
    monkeypatch.setattr("sys.stdin", Piped(b"kind: [\n"))
    run = meshctl("rules", "apply")
    assert (run.status, "  -:" in run.err) == (1, True)
    monkeypatch.setattr("sys.stdin", Piped(b"# nothing\n"))
    assert "MR3003 there is no document in -" in meshctl("rules", "apply").err


def test_a_file_that_is_not_there_or_not_text_is_said(meshctl: Meshctl, tmp_path: Path) -> None:
    run = meshctl("rules", "apply", "-f", str(tmp_path / "no.yaml"))
    assert run.status == 2
    assert "MR2003" in run.err
    assert "why   no such file or directory" in run.err
    (tmp_path / "odd.yaml").write_bytes(b"kind: \xff\n")
    run = meshctl("rules", "apply", "-f", str(tmp_path / "odd.yaml"))
    assert run.status == 1
    assert "MR1001" in run.err


@pytest.mark.parametrize("words", [("apply",), ("apply", "-f", "-"), ("diff",), ("lint", "-f", "-"), ("test", "-")])
def test_a_closed_standard_input_is_said(
    meshctl: Meshctl, monkeypatch: pytest.MonkeyPatch, words: Sequence[str]
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    run = meshctl("rules", *words)
    assert (run.status, run.err.splitlines()[0]) == (2, "meshctl: MR2003 standard input cannot be read")


def test_a_dry_run_says_that_rules_in_the_store_stand_in_the_way(meshctl: Meshctl) -> None:
    meshctl.apply(GOOD)
    (meshctl.folder / "store" / "rules" / "odd.yaml").write_bytes(b"\xff")
    run = meshctl.apply("kind: Lane\nname: blue\n", "--dry-run")
    assert (run.status, "rules/odd.yaml:1:1: MR1001" in " ".join(run.err.split())) == (0, True)
    assert meshctl.apply("kind: Lane\nname: blue\n").status == 1


def test_the_same_document_twice_in_one_file_names_both_places(meshctl: Meshctl) -> None:
    lane = "kind: Lane\nname: gray\n"
    run = meshctl.apply(lane + "---\n" + lane)
    assert run.status == 1
    assert "MR1030" in run.err


def test_diff_shows_what_apply_would_change(meshctl: Meshctl) -> None:
    meshctl.apply(GOOD)
    path = meshctl.folder / "given.yaml"
    assert meshctl("rules", "diff", "-f", str(path)).out == "no difference in 2 documents\n"
    path.write_text(GOOD.replace("percent: 10", "percent: 20"))
    run = meshctl("rules", "diff", "-f", str(path))
    assert run.status == 1
    assert run.out.splitlines()[:2] == ["--- Lane/default/gray (store)", "+++ Lane/default/gray (given)"]
    assert "-  - { at: [web], percent: 10 } # a tenth" in run.out
    assert "+  - { at: [web], percent: 20 } # a tenth" in run.out
    shape = meshctl("rules", "diff", "-f", str(path), "-o", "json").json
    assert (shape["changed"], shape["unchanged"]) == (["Lane/default/gray"], ["Alias/default/legacy"])


def test_lint_checks_a_file_a_folder_or_the_store(meshctl: Meshctl, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "a.yaml").write_text(GOOD)
    (folder / "b.yml").write_text(GOOD)
    (folder / "c.txt").write_text(BAD)
    assert meshctl("rules", "lint", "-f", str(folder / "a.yaml")).out == "2 valid documents, no problem\n"
    run = meshctl("rules", "lint", "-f", str(folder))
    assert run.status == 1
    assert "MR1030" in run.out
    assert "a.yaml" in run.out
    assert meshctl("rules", "lint").out == "0 valid documents, no problem\n"
    meshctl.apply(GOOD)
    (meshctl.folder / "store" / "rules" / "hand.yaml").write_text(BAD)
    run = meshctl("rules", "lint", "-o", "json")
    assert run.status == 1
    assert run.json["documents"] == 2
    assert [problem["code"] for problem in run.json["problems"]] == ["MR1013", "MR1016", "MR1011"]
    assert {problem["advice"] for problem in run.json["problems"]} == {False}


def test_lint_gives_advice_without_failing(meshctl: Meshctl, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("kind: Route\nname: r\nservice: orders\nrules: [{ to: [{ tags: { lane: gray } }] }]\n")
    run = meshctl("rules", "lint", "-f", str(path))
    assert run.status == 0
    assert "MR1041" in run.out
    assert run.out.splitlines()[-1] == "1 valid document, no problem"


def test_rules_that_changed_since_they_were_read_are_a_conflict_and_not_retried(
    meshctl: Meshctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshrun.cli import change

    meshctl.apply(GOOD)
    look = change.reading

    def late(call: object) -> object:
        seen = look(call)  # type: ignore[arg-type]
        monkeypatch.setattr(change, "reading", look)
        assert meshctl("lane", "percent", "gray", "30", "--author", "ann").status == 0
        return seen

    monkeypatch.setattr(change, "reading", late)
    run = meshctl("lane", "percent", "gray", "50")
    assert run.status == 1
    assert run.err.startswith("meshctl: MR3002 the rules changed while this command ran; nothing was written\n  why")
    assert "run the command again" in run.err
    assert "percent: 30" in meshctl.rule_text()
