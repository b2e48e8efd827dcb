"""What the crash guard makes of the marks that it finds, and how long its own stands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from meshrun import _processes
from meshrun.boot import crash

ENVIRON: Dict[str, str] = {"MESHRUN_SERVICE": "web"}


def start(state: Path, environ: Optional[Dict[str, str]] = None) -> Any:
    """What a start of this very command finds: its guard, and whether it is dormant."""
    return crash.guard(ENVIRON if environ is None else environ, [str(state)])


def dead() -> str:
    """The pid of a process that is gone, with a birth that nothing has."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    return "%d.%d" % (gone.pid, 1)


def mark(state: Path, text: str, who: str = "") -> Path:
    """A mark of this command that a dead process left."""
    guard, _ = start(state)
    (state / "crash").mkdir(parents=True, exist_ok=True)
    path = state / "crash" / ("%s.%s" % (guard._key, who or dead()))
    path.write_text(text, encoding="ascii")
    return path


def names(state: Path) -> List[str]:
    return sorted(path.name for path in (state / "crash").glob("*"))


@pytest.mark.parametrize(
    ("text", "deaths"),
    [
        ("now", 1),
        ("used", 1),
        ("long ago", 0),
        ("in a moment", 0),
        ("", 0),
        ("nonsense", 0),
    ],
)
def test_a_mark_of_a_dead_process_counts_if_it_is_known_to_have_died_young(
    tmp_path: Path, text: str, deaths: int
) -> None:
    times = {"now": time.time(), "long ago": time.time() - 3600, "in a moment": time.time() + 3600}
    path = mark(tmp_path, str(times.get(text, text)))
    guard, dormant = start(tmp_path)
    assert (guard.deaths, dormant) == (deaths, False)
    assert not path.exists()


def test_a_mark_of_a_process_that_lives_counts_nothing_and_stays(tmp_path: Path) -> None:
    who = "%d.%d" % (os.getppid(), _processes.born(os.getppid()))
    path = mark(tmp_path, "used", who)
    assert start(tmp_path)[0].deaths == 0
    assert path.exists()


def test_a_mark_of_this_process_before_it_became_this_program_counts_nothing_and_goes(tmp_path: Path) -> None:
    who = "%d.%d" % (os.getpid(), _processes.born(os.getpid()))
    path = mark(tmp_path, "used", who)
    assert start(tmp_path)[0] is not None
    assert not path.exists()


def test_the_third_makes_the_next_start_dormant_and_the_one_after_is_not(tmp_path: Path) -> None:
    outcomes = []
    for _ in range(8):
        mark(tmp_path, "used")
        guard, dormant = start(tmp_path)
        outcomes.append((guard.deaths, dormant))
    assert outcomes == [(1, False), (2, False), (0, True), (1, False), (2, False), (0, True), (1, False), (2, False)]


def test_those_that_died_at_the_same_time_count_each(tmp_path: Path) -> None:
    marks = [mark(tmp_path, "long ago") for _ in range(3)]
    for path in marks:
        path.write_text("used", encoding="ascii")
    assert start(tmp_path)[1] is True


def test_the_mark_stands_until_the_process_is_old_and_then_the_count_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atexit.register", lambda _: None)
    monkeypatch.setattr("os.register_at_fork", lambda **_: None)
    mark(tmp_path, "used")
    guard, _ = start(tmp_path)
    guard.begin()
    guard.begin()
    guard.look()
    assert len(names(tmp_path)) == 2
    assert crash.seen(str(tmp_path))[0][0] == "web"
    assert crash.seen(str(tmp_path))[0][2] == 1
    guard.used()
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + crash.YOUNG_SECONDS)
    guard.look()
    assert names(tmp_path) == []
    guard.begin()
    assert names(tmp_path) == []


def test_a_folder_that_is_not_ours_or_cannot_be_written_means_no_guard(tmp_path: Path) -> None:
    (tmp_path / "crash").write_text("a file", encoding="ascii")
    guard, dormant = start(tmp_path)
    assert dormant is False
    guard.begin()
    guard.used()
    guard.look()
    guard.survived()
    assert crash.seen(str(tmp_path)) == []


def test_the_first_folder_that_can_be_had_is_taken(tmp_path: Path) -> None:
    guard, _ = crash.guard(ENVIRON, ["/proc/none", str(tmp_path / "state")])
    assert guard is not None
    guard.begin()
    try:
        assert len(names(tmp_path / "state")) == 1
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    finally:
        guard.survived()


def test_files_that_are_none_of_ours_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "crash"
    folder.mkdir()
    for name in ("README", "a.b", "a.b.c", "x.1.2.3", ".hidden"):
        (folder / name).write_text("text", encoding="ascii")
    before = names(tmp_path)
    assert start(tmp_path)[0].deaths == 0
    assert crash.seen(str(tmp_path)) == []
    assert names(tmp_path) == before


@pytest.mark.parametrize("word", ["--multiprocessing-fork", "from multiprocessing.resource_tracker import main"])
def test_a_child_of_multiprocessing_has_no_guard(word: str) -> None:
    code = "from meshrun.boot import crash\nprint(crash.guard({}, ['/tmp/none']))"
    ran = subprocess.run(
        [sys.executable, "-c", code, word], env=dict(os.environ, PYTHONPATH="agent"), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert ran.stdout == "(None, False)\n"
