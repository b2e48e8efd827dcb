"""One worker of an instance registers; when it dies another does, under the same id."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from meshrun.lifecycle.election import Election


def test_one_candidate_wins_and_the_next_takes_over_its_id_when_it_dies(
    tmp_path: Path, wait: Callable[[Callable[[], Any]], Any]
) -> None:
    first = os.fork()
    if first == 0:
        Election(str(tmp_path), "web").won("id-1")
        time.sleep(60)
        os._exit(0)
    mine = Election(str(tmp_path), "web")
    assert wait(lambda: (tmp_path / "web.lock").exists() and (tmp_path / "web.lock").read_text() == "id-1")
    assert mine.won("id-2") is None
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    assert mine.won("id-2") == "id-1"


def test_a_child_that_forgets_its_parents_lock_does_not_give_it_back(
    tmp_path: Path, in_child: Callable[[Callable[[], Any]], int]
) -> None:
    election = Election(str(tmp_path), "web")
    assert election.won("id-1") == "id-1"

    def child() -> bool:
        election.resign()
        return Election(str(tmp_path), "web").won("id-2") is None

    assert in_child(child) == 0


def test_the_file_is_private_and_goes_with_its_root(tmp_path: Path) -> None:
    election = Election(str(tmp_path), "web")
    election.won("id-1")
    assert (tmp_path / "web.lock").stat().st_mode & 0o777 == 0o600
    election.remove()
    assert not (tmp_path / "web.lock").exists()
    election.remove()  # once more does no harm


def test_files_that_killed_instances_left_a_day_ago_are_removed_unless_somebody_holds_them(
    tmp_path: Path, in_child: Callable[[Callable[[], Any]], int]
) -> None:
    held = Election(str(tmp_path), "held")
    held.won("id-1")
    for name in ("held.lock", "left.lock", "other.sock"):
        (tmp_path / name).touch()
        os.utime(str(tmp_path / name), (1.0, 1.0))
    (tmp_path / "young.lock").touch()
    assert in_child(lambda: Election(str(tmp_path), "new").won("id-2")) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held.lock", "new.lock", "other.sock", "young.lock"]


def test_a_state_directory_that_cannot_be_used_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Election(str(tmp_path / "missing"), "web").won("id-1")


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "web.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        Election(str(tmp_path), "web").won("id-1")
