"""The page that a root shares with its workers."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, Callable

from meshrun import _processes
from meshrun.lifecycle import page as pages
from meshrun.lifecycle.page import BORN, DRAINING, IDLE, INFLIGHT, PID, REQUESTS, Limits, Load, Page, private_row


def test_a_forked_worker_and_its_root_see_each_others_fields(in_child: Callable[[Callable[[], Any]], int]) -> None:
    page = Page()
    page.state = DRAINING

    def worker() -> bool:
        page.serving = page.registered = page.by_operator = page.unreachable = True
        page.limits = Limits(30.0, 1.5, 2.0)
        page.started, page.deadline, page.slot = 1e9, 12.5, 3
        return page.state == DRAINING

    assert in_child(worker) == 0
    assert (page.serving, page.registered, page.by_operator, page.unreachable) == (True, True, True, True)
    assert page.limits == Limits(30.0, 1.5, 2.0)
    assert (page.started, page.deadline, page.slot, page.state) == (1e9, 12.5, 3, DRAINING)


def test_a_new_page_is_idle_and_nobody_said_anything() -> None:
    page = Page()
    assert (page.state, page.serving, page.registered, page.by_operator, page.limits) == (
        IDLE,
        False,
        False,
        False,
        None,
    )
    assert page.load() == Load(0, 0)
    assert page.workers() == ()


def test_requests_of_all_living_workers_are_summed_and_those_of_a_killed_one_are_not(
    wait: Callable[[Callable[[], Any]], Any],
) -> None:
    page = Page()
    mine = page.row(os.getpid())
    mine[INFLIGHT], mine[REQUESTS] = 1, 10
    child = os.fork()
    if child == 0:
        row = page.row(os.getpid())
        row[REQUESTS] = 5
        row[INFLIGHT] = 2
        time.sleep(60)
        os._exit(0)
    assert wait(lambda: page.load() == Load(3, 15))
    assert set(page.workers()) == {os.getpid(), child}
    os.kill(child, signal.SIGKILL)
    assert wait(lambda: page.load().inflight == 1)  # also while it is a zombie
    os.waitpid(child, 0)
    assert page.load().inflight == 1


def test_a_row_of_a_dead_worker_is_taken_again_and_begins_at_zero() -> None:
    page = Page()
    pid = os.getpid()
    stranger = page.row(pid)
    stranger[BORN], stranger[INFLIGHT], stranger[REQUESTS] = 1, 4, 4  # as if the pid had belonged to another process
    assert page.load().inflight == 0
    row = page.row(pid)
    assert (row[PID], row[INFLIGHT], row[REQUESTS]) == (pid, 0, 0)


def test_a_process_that_is_no_server_counts_for_itself() -> None:
    row = private_row()
    row[INFLIGHT] += 1
    assert (row[PID], row[INFLIGHT]) == (os.getpid(), 1)


def test_a_page_in_a_file_is_found_by_the_pid_of_its_root(tmp_path: Path) -> None:
    made = Page.shared(str(tmp_path), os.getpid(), 7)
    made.identity = "host-80-abc"
    made.state = DRAINING
    found = Page.found(str(tmp_path), os.getpid(), 7)
    assert found is not None
    assert (found.identity, found.state) == ("host-80-abc", DRAINING)
    found.write_ticket(70000)
    assert made.ticket(70000) == 1
    assert Page.found(str(tmp_path), os.getpid(), 8) is None
    pages.remove(str(tmp_path), os.getpid(), 7)
    assert list(tmp_path.iterdir()) == []


def test_a_page_of_a_root_that_was_killed_is_removed(tmp_path: Path) -> None:
    Page.shared(str(tmp_path), 2**30, 7)
    Page.shared(str(tmp_path), os.getpid(), _processes.born(os.getpid()))
    assert [path.name for path in tmp_path.iterdir()] == ["%d-%d.page" % (os.getpid(), _processes.born(os.getpid()))]


def test_a_file_that_is_no_page_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "1-2.page").write_bytes(b"short")
    assert Page.found(str(tmp_path), 1, 2) is None
    (tmp_path / "3-4.page").symlink_to(tmp_path / "1-2.page")
    assert Page.found(str(tmp_path), 3, 4) is None
