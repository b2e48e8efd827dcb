"""What a process can know of itself and of others."""

from __future__ import annotations

import multiprocessing
import os
import pty
import time
from typing import Any, Callable

import pytest

from meshrun import _processes


def _is_child(answer: Any) -> None:
    answer.put(_processes.child_of_multiprocessing())


def test_a_process_is_alive_until_it_is_a_zombie(wait: Callable[[Callable[[], Any]], Any]) -> None:
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    born = _processes.born(child)
    assert born > 0
    assert _processes.alive(child, born)
    assert _processes.alive(child, 0)
    assert not _processes.alive(child, born - 1)  # the pid was another process's
    os.kill(child, 9)
    assert wait(lambda: not _processes.alive(child, born))  # though nobody has waited for it
    os.waitpid(child, 0)
    assert not _processes.alive(child, 0)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_knows_that_it_is_one(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    answer = context.Queue()
    child = context.Process(target=_is_child, args=(answer,))
    child.start()
    assert answer.get(timeout=60)
    child.join(60)
    assert not _processes.child_of_multiprocessing()


def test_a_process_is_in_the_foreground_only_at_a_terminal() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os._exit(0 if _processes.foreground() else 1)
    assert os.waitpid(child, 0)[1] == 0
    os.close(terminal)
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os._exit(1 if _processes.foreground() else 0)
    assert os.waitpid(child, 0)[1] == 0
