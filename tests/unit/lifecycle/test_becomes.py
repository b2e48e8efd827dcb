"""A process that became another user since it began: the state folder that it takes then."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Callable, List, Optional

import pytest

from meshrun import _guard
from meshrun.core.rules import Lifecycle
from meshrun.lifecycle import signals
from meshrun.lifecycle.server import Server
from meshrun.runtime import places

InChild = Callable[[Callable[[], Any]], int]


@pytest.mark.parametrize("first", [None, "/proc/none"], ids=["none", "unusable"])
def test_its_workers_agree_in_its_own_folder_which_of_them_registers(
    engine: Any, settings: Any, tmp_path: Path, in_child: InChild, monkeypatch: pytest.MonkeyPatch, first: Optional[str]
) -> None:
    monkeypatch.setattr(signals, "adopt", lambda gate, leaves: None)
    monkeypatch.setattr("atexit.register", lambda function: None)
    master = Server(settings(), first, lambda: engine, Lifecycle, lambda where, error: None)
    master.forks()
    master.listening("127.0.0.1", 8000, "http", False, 5.0)

    def registers(*, moves: bool) -> bool:
        master.after_fork_child()
        if moves:
            master.moves(str(tmp_path))
        master.ready()
        master.tick(time.monotonic())
        return [*engine.records] == [master.instance_id]

    assert in_child(lambda: registers(moves=False)) == 1
    assert in_child(lambda: registers(moves=True)) == 0
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_where_the_named_folder_is_the_first_users_it_takes_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, own = tmp_path / "named", tmp_path / "own"
    named.touch()  # no folder: as little to be used as another user's
    monkeypatch.setattr(places, "state_dirs", lambda _, uid, setting=None: (setting or str(own),))
    said: List[str] = []
    monkeypatch.setattr(_guard, "report", lambda where, what: said.append(where))
    assert places.state_dir(str(named)) is None
    assert said == ["no state folder"]
    assert places.state_dir(str(named), became=True) == str(own)
    assert said == ["no state folder"]
    assert (own.stat().st_mode & 0o777, own.stat().st_uid) == (0o700, os.geteuid())
    named.unlink()
    assert places.state_dir(str(named), became=True) == str(named)
