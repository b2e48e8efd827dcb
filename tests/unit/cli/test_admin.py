from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meshrun.cli import admin

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Processes


def bind(listener: socket.socket, folder: Path, pid: int) -> None:
    here = os.open(str(folder), os.O_RDONLY)
    listener.bind("/proc/self/fd/%d/%d.sock" % (here, pid))
    os.close(here)


def test_all_live_processes_answer_and_dead_sockets_are_left_out(process: Processes, tmp_path: Path) -> None:
    live = process(11)
    with socket.socket(socket.AF_UNIX) as dead:
        bind(dead, process.folder, 12)  # never listening: what a killed process leaves
    answers = dict(
        admin.ask_all([str(live.path), str(process.folder / "12.sock"), str(tmp_path / "no")], "GET", "/status")
    )
    assert list(answers) == [str(live.path)]
    assert answers[str(live.path)].body == process.status(11)
    assert live.asked == ["GET /status HTTP/1.0"]


def test_a_process_that_accepts_but_does_not_answer_is_named_within_the_time(process: Processes) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        bind(silent, process.folder, 13)
        silent.listen(1)
        live = process(14)
        paths = [str(process.folder / "13.sock"), str(live.path)]
        answers = dict(admin.ask_all(paths, "GET", "/status", seconds=0.3))
    assert answers[paths[0]] == (None, "no answer in time")
    assert answers[paths[1]].body is not None


def test_a_path_too_long_for_a_socket_address_is_reached_through_its_folder(process: Processes, tmp_path: Path) -> None:
    process.folder = tmp_path / ("d" * 120)
    process.folder.mkdir()
    live = process(15)
    assert dict(admin.ask_all([str(live.path)], "GET", "/status"))[str(live.path)].body == process.status(15)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "its answer is not HTTP"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "its answer is not JSON"),
        (b"HTTP/1.0 200 OK\r\n\r\n[1]", "its answer is not a JSON object"),
        (b"HTTP/1.0 200 OK\r\n\r\n\xff", "its answer is not JSON"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 100_000, "its answer is not JSON"),
        (b"HTTP/1.0 503 Unavailable\r\n\r\n{}", "it answered with status 503"),
        (b"SSH-2.0-x\r\n\r\n{}", "its answer is not HTTP"),
    ],
)
def test_an_answer_that_cannot_be_read_is_said_and_raises_nothing(data: bytes, problem: str) -> None:
    assert admin.parse(data) == (None, problem)


def test_an_answer_without_end_is_cut_off(process: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "MAX_ANSWER", 1000)
    live = process(16, answer=b"HTTP/1.0 200 OK\r\n\r\n" + b" " * 5000)
    assert dict(admin.ask_all([str(live.path)], "GET", "/status"))[str(live.path)].body is None
