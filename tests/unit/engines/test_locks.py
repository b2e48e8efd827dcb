"""Locks between processes: bounded waits, and nobody keeps one by accident."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import threading

import pytest

from meshrun.engines.locks import Busy, Lock
from tests.contract.engines import eventually, start

HOLD = """
import sys
from meshrun.engines.locks import Lock
with Lock(sys.argv[1], 10.0):
    print("held", flush=True)
    sys.stdin.read()
"""


def _taken(path: str) -> bool:
    try:
        with Lock(path, 0.0):
            return True
    except Busy:
        return False


def test_who_waits_gets_it_or_an_error_that_says_how_long(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / ".lock")
    holder = start(HOLD, path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Busy, match=r"held it for 0\.1 seconds"), Lock(path, 0.1):
        pass
    releasing = threading.Timer(0.2, lambda: holder.communicate(""))
    releasing.start()
    with Lock(path, 30.0):
        assert not _taken(path)
    releasing.join()
    assert _taken(path)


def test_a_killed_holder_holds_nothing(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / ".lock")
    holder = start(HOLD, path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert not _taken(path)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert eventually(lambda: _taken(path))


def test_a_child_that_was_forked_meanwhile_does_not_keep_it(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / ".lock")
    ours, childs = os.pipe()
    with Lock(path, 1.0):
        pid = os.fork()
        if pid == 0:
            os.close(childs)
            os.read(ours, 1)
            os._exit(0)
    os.close(ours)
    try:
        assert _taken(path)
    finally:
        os.close(childs)
        os.waitpid(pid, 0)


def test_an_error_inside_gives_it_up(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / ".lock")
    with pytest.raises(KeyError), Lock(path, 1.0):
        raise KeyError
    assert _taken(path)


def test_a_lock_file_that_was_removed_is_no_longer_the_lock(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = str(folder / ".lock")
    with Lock(path, 1.0):
        shutil.rmtree(folder)
        folder.mkdir()
        assert _taken(path)
    assert _taken(path)


def test_no_descriptor_is_left_open(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / ".lock")
    open_now = pathlib.Path("/proc/self/fd")
    before = sorted(each.name for each in open_now.iterdir())
    with Lock(path, 1.0):
        assert not _taken(path)
    assert _taken(path)
    assert sorted(each.name for each in open_now.iterdir()) == before
