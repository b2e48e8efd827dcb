"""The folder of admin sockets: long paths, and what is left there by processes that were killed."""

from __future__ import annotations

import os
import pathlib
import socket

import pytest

from meshrun.runtime import sockets


def listener(folder: pathlib.Path, name: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    with sockets.reached(str(folder), name) as path:
        made.bind(path)
    made.listen(1)
    return made


def age(path: pathlib.Path) -> None:
    os.utime(path, (1, 1))


@pytest.mark.parametrize("length", [1, 200])
def test_what_nobody_listens_on_is_removed_once_it_is_old(tmp_path: pathlib.Path, length: int) -> None:
    folder = tmp_path / ("x" * length)
    folder.mkdir()
    alive = listener(folder, "1.sock")
    for name in ("2.sock", "3.sock"):
        listener(folder, name).close()
    (folder / "4.lock").touch()
    (folder / "5.sock").touch()  # no socket at all, but nobody else's name
    for name in ("1.sock", "2.sock", "4.lock", "5.sock"):
        age(folder / name)
    sockets.sweep(str(folder))
    assert sorted(path.name for path in folder.iterdir()) == ["1.sock", "3.sock", "4.lock"]
    alive.close()


def test_a_listener_whose_queue_is_full_is_alive(tmp_path: pathlib.Path) -> None:
    busy = listener(tmp_path, "1.sock")
    age(tmp_path / "1.sock")
    for _ in range(4):
        sockets.sweep(str(tmp_path))
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        try:
            one.connect(str(tmp_path / "1.sock"))
        except BlockingIOError:
            break
    sockets.sweep(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["1.sock"]
    for one in (*waiting, busy):
        one.close()
