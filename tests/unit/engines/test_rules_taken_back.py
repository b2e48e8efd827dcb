"""Edits by hand that are taken back: what they brought goes, a problem as well as a rule."""

from __future__ import annotations

import functools
import pathlib
from typing import Callable

from meshrun.engines.base import RulesReading
from meshrun.engines.file import FileEngine
from tests.contract.engines import eventually

GRAY = "kind: Lane\nname: gray\n"
BLUE = "kind: Lane\nname: blue\n"


def sound(engine: FileEngine, reading: RulesReading) -> bool:
    return engine.rules(reading).problem is None


def count(engine: FileEngine, reading: RulesReading) -> int:
    return len(engine.rules(reading).documents)


def test_a_bad_file_that_is_removed_again_is_no_problem_to_anybody(
    store: pathlib.Path, engine: FileEngine, other: FileEngine, opened: Callable[[], FileEngine]
) -> None:
    rules = store / "rules"
    rules.mkdir(parents=True)
    (rules / "a.yaml").write_text(GRAY)
    before = other.rules(None)
    (rules / "b.yaml").write_text("kind: Lame\n")
    assert engine.rules(None).problem is not None
    (rules / "b.yaml").unlink()
    for each in (engine, other):
        eventually(functools.partial(sound, each, before))
    assert opened().rules(None) == before


def test_a_file_that_is_removed_as_soon_as_it_is_in_force_is_out_of_force(
    store: pathlib.Path, engine: FileEngine
) -> None:
    rules = store / "rules"
    rules.mkdir(parents=True)
    (rules / "a.yaml").write_text(GRAY)
    engine.rules(None)
    reading = engine.rules(None)  # by now it knows these files as dealt with
    (rules / "b.yaml").write_text(BLUE)
    eventually(lambda: count(engine, reading) == 2)
    (rules / "b.yaml").unlink()
    eventually(lambda: count(engine, reading) == 1)


def test_a_problem_that_cannot_be_removed_is_over_all_the_same(
    store: pathlib.Path, engine: FileEngine, other: FileEngine
) -> None:
    """As on a store that may only be read: the note about the bad file stays, and nobody believes it."""
    rules = store / "rules"
    rules.mkdir(parents=True)
    (rules / "a.yaml").write_text(GRAY)
    engine.rules(None)
    (rules / "b.yaml").write_text("kind: Lame\n")
    assert engine.rules(None).problem is not None
    note = store / "compiled" / "problem.json"
    text = note.read_text()
    (rules / "b.yaml").unlink()
    eventually(functools.partial(sound, engine, engine.rules(None)))
    note.write_text(text)
    assert other.rules(None).problem is None
