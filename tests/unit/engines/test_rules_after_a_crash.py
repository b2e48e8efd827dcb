"""What a writer that died, a full disk or a lost file leaves behind: never half a change, never a version twice."""

from __future__ import annotations

import errno
import os
import pathlib
import shutil
import time
from typing import Any, Callable, List

import pytest

from meshrun.engines import file_writer, files
from meshrun.engines.base import Edit, EngineError
from meshrun.engines.file import FileEngine

GRAY = "kind: Lane\nname: gray\n"
BLUE = "kind: Lane\nname: blue\n"
BOTH = [Edit("Lane/default/gray", GRAY + "priority: 1\n"), Edit("Lane/default/blue", BLUE + "priority: 1\n")]


class _Killed(BaseException):
    """Stands for SIGKILL: nothing of the writer runs after it."""


def _killed_after(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """Let the next writer die when it has put that many rule files in place."""
    put = file_writer.RuleWriter._put
    done: List[str] = []

    def dying(self: file_writer.RuleWriter, name: str, content: Any) -> None:
        if len(done) >= writes:
            raise _Killed
        done.append(name)
        put(self, name, content)

    monkeypatch.setattr(file_writer.RuleWriter, "_put", dying)


@pytest.fixture
def applied(engine: FileEngine) -> FileEngine:
    """A store with two lanes in two files, at version 1."""
    engine.apply([Edit("Lane/default/gray", GRAY), Edit("Lane/default/blue", BLUE)], "ada", "two lanes")
    return engine


def test_a_change_of_two_files_that_broke_off_between_them_is_finished_by_the_next(
    applied: FileEngine, other: FileEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = other.rules(None)
    with monkeypatch.context() as patch:
        _killed_after(patch, 1)
        with pytest.raises(_Killed):
            applied.apply(BOTH, "bob", "both or none")
    after = other.rules(None)
    assert [document["priority"] for document in after.documents.values()] == [1, 1]
    assert after.version == reading.version + 1
    assert (other.history()[0].author, other.history()[0].reason) == ("bob", "both or none")
    assert set(other.history()[0].identities) == {"Lane/default/gray", "Lane/default/blue"}


def test_a_change_that_broke_off_before_the_first_file_never_happens(
    applied: FileEngine, other: FileEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _killed_after(patch, 0)
        with pytest.raises(_Killed):
            applied.apply(BOTH, "bob", "never")
    other.apply([Edit("Lane/default/red", GRAY.replace("gray", "red"))], "eve", "later")
    assert [revision.reason for revision in other.history()] == ["later", "two lanes"]
    assert "priority" not in other.rules(None).documents["Lane/default/gray"]


def test_a_change_whose_writer_died_after_it_was_in_force_counts_once(
    applied: FileEngine, other: FileEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(path: str) -> bool:
        if path.endswith("pending.jsonl"):
            raise _Killed
        return remove(path)

    remove = files.remove
    with monkeypatch.context() as patch:
        patch.setattr(files, "remove", dying)
        with pytest.raises(_Killed):
            applied.apply(BOTH, "bob", "once")
    other.apply([Edit("Lane/default/red", GRAY.replace("gray", "red"))], "eve", "later")
    assert [revision.reason for revision in other.history()] == ["later", "once", "two lanes"]


def test_a_full_disk_changes_nothing_and_is_said(
    applied: FileEngine, store: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_text() for path in (store / "rules").iterdir()}
    version = applied.rules(None).version
    put = file_writer.RuleWriter._put
    done: List[str] = []

    def full(self: file_writer.RuleWriter, name: str, content: Any) -> None:
        done.append(name)
        if len(done) == 2:
            raise EngineError("no space")
        put(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(file_writer.RuleWriter, "_put", full)
        with pytest.raises(EngineError, match="no space"):
            applied.apply(BOTH, "bob", "both or none")
    assert {path.name: path.read_text() for path in (store / "rules").iterdir()} == before
    assert applied.rules(None).version == version


def test_a_write_error_names_the_file_and_how_to_mend_it(engine: FileEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(EngineError, match=r"cannot write /.*: No space left on device; free space"):
            engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")


def test_without_the_compiled_form_nothing_is_lost_and_no_number_is_used_twice(
    applied: FileEngine, store: pathlib.Path, opened: Callable[[], FileEngine]
) -> None:
    applied.apply(BOTH, "bob", "both")
    before = applied.rules(None)
    shutil.rmtree(store / "compiled")
    assert opened().rules(None) == before
    assert len(opened().history()) == 2
    shutil.rmtree(store / "compiled")
    (store / "rules" / "lane.gray.yaml").write_text(GRAY)
    after = opened().rules(None)
    assert after.version == before.version + 1
    assert opened().history()[0].identities == ("Lane/default/gray",)
    assert "priority" in opened().at(before.version)["Lane/default/gray"]


@pytest.mark.parametrize("keep", [0, 1, 30, 200, -1])
def test_a_compiled_form_that_was_cut_off_is_made_anew(
    keep: int, applied: FileEngine, store: pathlib.Path, opened: Callable[[], FileEngine]
) -> None:
    before = applied.rules(None)
    path = store / "compiled" / "rules.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[:keep])
    assert opened().rules(None) == before
    assert path.read_bytes()[:200] == data[:200]


def test_a_process_that_runs_keeps_its_rules_while_the_compiled_form_is_gone(
    applied: FileEngine, store: pathlib.Path
) -> None:
    reading = applied.rules(None)
    shutil.rmtree(store / "compiled")
    shutil.rmtree(store / "history")
    for _ in range(3):
        assert applied.rules(reading).documents == reading.documents


def test_half_written_files_are_ignored_and_swept_when_they_are_old(applied: FileEngine, store: pathlib.Path) -> None:
    old = time.time() - 600
    for folder in ("rules", "compiled"):
        for name in (".x.1.aa~", ".x.2.bb~"):
            (store / folder / name).write_text("kind: La")
    os.utime(store / "compiled" / ".x.1.aa~", (old, old))
    applied.apply(BOTH, "bob", "both")
    names = {path.name for path in (store / "compiled").iterdir()}
    assert ".x.1.aa~" not in names
    assert ".x.2.bb~" in names
    assert len(applied.rules(None).documents) == 2


def test_a_broken_revision_is_left_out_and_said_when_it_is_needed(applied: FileEngine, store: pathlib.Path) -> None:
    applied.apply(BOTH, "bob", "both")
    applied.apply([Edit("Lane/default/gray", None)], "bob", "no gray")
    (store / "history" / "2.jsonl").write_text("{")
    assert [revision.number for revision in applied.history()] == [3, 1]
    assert len(applied.at(2)) == 2
    with pytest.raises(EngineError, match=r"2\.jsonl is missing or broken"):
        applied.at(1)
