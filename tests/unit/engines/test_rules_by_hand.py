"""Rule files that somebody edits by hand: compiled once for everybody, whole or not at all."""

from __future__ import annotations

import functools
import os
import pathlib
import pwd
from typing import Any, Callable, List, Optional

import pytest

from meshrun.core.problem import RuleError
from meshrun.engines import file_edits, file_rules, file_writer
from meshrun.engines.base import Edit, RulesReading
from meshrun.engines.file import FileEngine
from tests.contract.engines import eventually, finish, start

GRAY = "kind: Lane\nname: gray\n"
BLUE = "kind: Lane\nname: blue\n"


@pytest.fixture
def rules(store: pathlib.Path) -> pathlib.Path:
    folder = store / "rules"
    folder.mkdir(parents=True)
    return folder


def test_files_that_stand_there_before_any_process_are_in_force_at_the_first_look(
    rules: pathlib.Path, engine: FileEngine, other: FileEngine
) -> None:
    (rules / "all.yaml").write_text(GRAY + "---\n" + BLUE)
    assert engine.rules(None).documents.keys() == {"Lane/default/gray", "Lane/default/blue"}
    assert other.rules(None) == engine.rules(None)


def test_a_hand_edit_is_a_revision_of_whom_the_file_belongs_to(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "a.yaml").write_text(GRAY)
    first = engine.rules(None).version
    (rules / "a.yaml").write_text(GRAY + "paused: true\n")
    assert engine.rules(None).version == first + 1
    newest = engine.history()[0]
    assert newest.author == pwd.getpwuid(os.geteuid()).pw_name
    assert newest.reason == "edited by hand"
    assert newest.identities == ("Lane/default/gray",)
    assert engine.at(first) == {"Lane/default/gray": GRAY.rstrip()}


def test_a_running_process_takes_a_hand_edit_in(rules: pathlib.Path, engine: FileEngine, other: FileEngine) -> None:
    readings = [engine.rules(None), other.rules(None)]
    (rules / "a.yaml").write_text(GRAY)
    for each, reading in zip((engine, other), readings):
        after = eventually(functools.partial(_changed, each, reading))
        assert (after.version, list(after.documents), after.problem) == (1, ["Lane/default/gray"], None)
    (rules / "a.yaml").write_text(BLUE)
    eventually(lambda: list(engine.rules(readings[0]).documents) == ["Lane/default/blue"])
    eventually(lambda: list(other.rules(readings[1]).documents) == ["Lane/default/blue"])
    assert len(engine.history()) == 2


def _names(folder: pathlib.Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


def _sound(engine: FileEngine, reading: RulesReading) -> bool:
    return engine.rules(reading).problem is None


def _changed(engine: FileEngine, reading: RulesReading) -> Optional[RulesReading]:
    after = engine.rules(reading)
    return None if after is reading else after


WATCH = """
import sys, time
from meshrun.engines import open_engine
engine = open_engine(sys.argv[1])
reading = engine.rules(None)
print("ready", flush=True)
deadline = time.monotonic() + 30
while "Lane/default/blue" not in reading.documents and time.monotonic() < deadline:
    time.sleep(0.05)
    reading = engine.rules(reading)
print(reading.version, len(engine.history()))
"""


def test_many_processes_see_one_edit_as_one_revision(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "a.yaml").write_text(GRAY)
    watchers = [start(WATCH, engine.url) for _ in range(4)]
    for watcher in watchers:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
    (rules / "b.yaml").write_text(BLUE)
    assert [finish(watcher).split() for watcher in watchers] == [["2", "2"]] * 4


def test_a_bad_file_keeps_the_last_good_set_and_everybody_is_told_where_it_is_wrong(
    rules: pathlib.Path, engine: FileEngine, opened: Callable[[], FileEngine]
) -> None:
    (rules / "a.yaml").write_text(GRAY)
    good = engine.rules(None)
    (rules / "b.yaml").write_text("# mine\n" + BLUE + "  color: red\n")
    for each in (engine, opened()):
        reading = each.rules(None)
        assert reading.documents == good.documents
        assert reading.version == good.version
        assert reading.problem is not None
        assert "rules/b.yaml:4" in reading.problem


def test_a_mended_file_is_in_force_and_the_problem_gone(
    rules: pathlib.Path, engine: FileEngine, other: FileEngine
) -> None:
    (rules / "a.yaml").write_text("kind: Lane\n")
    first = engine.rules(None)
    assert first.problem is not None
    reading = other.rules(None)
    (rules / "a.yaml").write_text(GRAY)
    eventually(lambda: engine.rules(first).problem is None)
    eventually(lambda: other.rules(reading).problem is None)
    assert list(other.rules(reading).documents) == ["Lane/default/gray"]


def test_a_bad_edit_that_is_taken_back_leaves_no_revision(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "a.yaml").write_text(GRAY)
    good = engine.rules(None)
    (rules / "a.yaml").write_text(GRAY + "paused: maybe\n")
    assert engine.rules(None).problem is not None
    (rules / "a.yaml").write_text(GRAY)
    reading = engine.rules(None)
    assert (reading.version, reading.problem, reading.documents) == (good.version, None, good.documents)


_BOMB = b"a: &a [x,x]\nb: &b [*a,*a]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 50)) for letter in b"cdefghijklm"
)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"kind: Lane\nname: [gr", "MR1002", id="cut off"),
        pytest.param(b"kind: Lane\nname: gr\xff", "MR1001", id="not UTF-8"),
        pytest.param(b"kind: Lane\nname: !!python/object/apply:os.system [id]\n", "MR1004", id="tag"),
        pytest.param(_BOMB, "MR1003", id="bomb"),
        pytest.param(b"- kind: Lane\n", "MR1015", id="wrong type"),
        pytest.param(b"kind: Lane\nname: gray\npirority: 1\n", "MR1013", id="unknown key"),
        pytest.param(b"kind: Limit\nname: x\n", "MR1012", id="not built"),
        pytest.param(b"{" * 5000, "MR100", id="deep"),
    ],
)
def test_input_of_any_kind_is_a_problem_and_no_exception(
    content: bytes, code: str, rules: pathlib.Path, engine: FileEngine
) -> None:
    (rules / "a.yaml").write_text(GRAY)
    good = engine.rules(None)
    (rules / "b.yaml").write_bytes(content)
    reading = engine.rules(None)
    assert reading.documents == good.documents
    assert reading.problem is not None
    assert code in reading.problem
    assert "rules/b.yaml:" in reading.problem


def test_the_same_identity_twice_names_both_places(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "a.yaml").write_text(GRAY)
    engine.rules(None)
    (rules / "b.yaml").write_text(BLUE + "---\n" + GRAY)
    problem = engine.rules(None).problem
    assert problem is not None
    assert "rules/a.yaml:1" in problem
    assert "rules/b.yaml:4" in problem


def test_a_contradiction_is_told_with_line_and_column_also_in_a_file_that_did_not_change(
    rules: pathlib.Path, engine: FileEngine
) -> None:
    (rules / "a.yaml").write_text("kind: Lane\nname: gray\npriority: 7\nfallback: [blue, baseline]\n")
    (rules / "b.yaml").write_text(BLUE)
    assert engine.rules(None).problem is None
    (rules / "b.yaml").unlink()
    problem = engine.rules(None).problem
    assert problem is not None
    assert problem.startswith("rules/a.yaml:4:12:")


def test_what_one_found_wrong_nobody_else_compiles(
    rules: pathlib.Path, engine: FileEngine, other: FileEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rules / "a.yaml").write_text("kind: Lane\n")
    problem = engine.rules(None).problem
    monkeypatch.setattr(file_writer, "build", None)
    monkeypatch.setattr(file_rules, "build", None)
    assert other.rules(None).problem == problem


def test_other_files_in_the_folder_are_none_of_ours(rules: pathlib.Path, engine: FileEngine) -> None:
    for name in (".a.yaml.swp", ".hidden.yaml", "a.yaml~", "README.md", "#a.yaml#"):
        (rules / name).write_text("{{{")
    (rules / "folder").mkdir()
    assert engine.rules(None) == (0, {}, None)


def test_a_comment_is_no_change_but_stays(rules: pathlib.Path, engine: FileEngine, other: FileEngine) -> None:
    (rules / "a.yaml").write_text(GRAY)
    reading = engine.rules(None)
    (rules / "a.yaml").write_text("# for QA\n" + GRAY)
    assert engine.rules(None) is reading
    assert other.texts() == {"Lane/default/gray": "# for QA\n" + GRAY.rstrip()}
    assert len(engine.history()) == 1


def test_a_removed_file_takes_its_documents_with_it(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "a.yaml").write_text(GRAY)
    (rules / "b.yaml").write_text(BLUE)
    engine.rules(None)
    (rules / "a.yaml").unlink()
    assert list(engine.rules(None).documents) == ["Lane/default/blue"]
    (rules / "b.yaml").unlink()
    reading = engine.rules(None)
    assert (reading.documents, reading.problem) == ({}, None)
    assert engine.history()[0].identities == ("Lane/default/blue",)


def test_a_renamed_file_is_no_change(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "a.yaml").write_text(GRAY)
    reading = engine.rules(None)
    (rules / "a.yaml").rename(rules / "b.yaml")
    assert engine.rules(None) is reading


def test_a_file_that_is_being_written_is_left_alone_until_it_is_whole(store: pathlib.Path, rules: pathlib.Path) -> None:
    path = rules / "a.yaml"
    since, ticks = 10.0, 0.0
    # As if the last write was always that many seconds ago.
    engine = FileEngine(str(store), lambda: path.stat().st_ctime + since, lambda: ticks)
    path.write_text(GRAY + "---\n" + BLUE)
    reading = engine.rules(None)
    assert len(reading.documents) == 2
    since = 0.1
    with path.open("w") as file:
        for line in (GRAY + "---\n").splitlines(keepends=True):
            file.write(line)
            file.flush()
            for _ in range(4):
                ticks += 0.25
                assert engine.rules(reading) is reading
    since = 0.3
    ticks += 0.25
    assert list(engine.rules(reading).documents) == ["Lane/default/gray"]


def test_apply_changes_a_document_where_it_stands_and_nothing_else(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "team.yaml").write_text("# ours\n\n" + GRAY + "---\n# theirs\n" + BLUE + "priority: 3 # first\n")
    (rules / "rest.yaml").write_text("# nothing yet\n")
    engine.apply([Edit("Lane/default/blue", BLUE + "priority: 4\n")], "ada", "later")
    assert (rules / "team.yaml").read_text() == "# ours\n\n" + GRAY + "---\n# theirs\n" + BLUE + "priority: 4 # first\n"
    assert (rules / "rest.yaml").read_text() == "# nothing yet\n"
    engine.apply([Edit("Lane/shop/new", "kind: Lane\nnamespace: shop\nname: new\n")], "ada", "new")
    assert _names(rules) == ["lane.shop.new.yaml", "rest.yaml", "team.yaml"]
    engine.apply([Edit("Lane/shop/new", None)], "ada", "not now")
    assert _names(rules) == ["rest.yaml", "team.yaml"]


def test_apply_takes_an_edit_by_hand_into_a_revision_of_its_own(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "a.yaml").write_text(GRAY)
    engine.rules(None)
    (rules / "a.yaml").write_text(GRAY + "paused: true\n")
    engine.apply([Edit("Lane/default/blue", BLUE)], "ada", "second")
    assert [(each.reason, each.identities) for each in engine.history()] == [
        ("second", ("Lane/default/blue",)),
        ("edited by hand", ("Lane/default/gray",)),
        ("edited by hand", ("Lane/default/gray",)),
    ]


def test_an_edit_by_hand_while_a_change_is_applied_is_not_lost(
    rules: pathlib.Path, engine: FileEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rules / "a.yaml"
    path.write_text(GRAY)
    engine.rules(None)
    by_hand = [GRAY + "# by hand\n---\n" + BLUE]
    edited = file_edits.edited

    def meanwhile(*arguments: Any) -> Any:
        wanted = edited(*arguments)
        if by_hand:
            path.write_text(by_hand.pop())
        return wanted

    monkeypatch.setattr(file_writer, "edited", meanwhile)
    engine.apply([Edit("Lane/default/gray", GRAY + "priority: 1\n")], "ada", "first")
    assert "# by hand" in path.read_text()
    documents = engine.rules(None).documents
    assert documents["Lane/default/gray"]["priority"] == 1
    assert "Lane/default/blue" in documents
    assert [revision.reason for revision in engine.history()] == ["first", "edited by hand", "edited by hand"]


def test_apply_to_a_broken_set_is_refused_and_names_the_broken_file(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "a.yaml").write_text(GRAY)
    good = engine.rules(None)
    (rules / "b.yaml").write_text("kind: Lame\n")
    with pytest.raises(RuleError, match=r"rules/b\.yaml:1"):
        engine.apply([Edit("Lane/default/blue", BLUE)], "ada", "second")
    assert engine.rules(None).documents == good.documents
    assert _names(rules) == ["a.yaml", "b.yaml"]


def test_apply_may_be_what_mends_a_contradiction(rules: pathlib.Path, engine: FileEngine) -> None:
    (rules / "a.yaml").write_text("kind: Lane\nname: gray\nfallback: [blue, baseline]\n")
    assert engine.rules(None).problem is not None
    engine.apply([Edit("Lane/default/blue", BLUE)], "ada", "the missing one")
    reading = engine.rules(None)
    assert (reading.problem, len(reading.documents)) == (None, 2)


def test_line_ends_of_windows_survive(rules: pathlib.Path, engine: FileEngine) -> None:
    text = (GRAY + "---\n" + BLUE).replace("\n", "\r\n").encode()
    (rules / "a.yaml").write_bytes(text)
    engine.apply([Edit("Lane/default/blue", BLUE + "priority: 4\n")], "ada", "later")
    assert (rules / "a.yaml").read_bytes().startswith(text)
    assert engine.rules(None).documents["Lane/default/blue"]["priority"] == 4
