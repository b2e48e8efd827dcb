"""A worker's stop signal: held for the root, and given to the app as soon as it is known to be the worker's own."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any, Callable, Iterator, List

import pytest

from meshrun import _processes
from meshrun.lifecycle import hold as hold_module
from meshrun.lifecycle.hold import Hold
from meshrun.lifecycle.page import DELIVERED, DRAINING, IDLE, OFFLINE, Page

Wait = Callable[[Callable[[], Any]], Any]
FOREVER = 3600.0


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Iterator[List[int]]:
    sent: List[int] = []
    monkeypatch.setattr(hold_module, "_kill", lambda pid, signum: sent.append(signum))
    for name in ("ALONE_SECONDS", "AFTER_SECONDS"):
        monkeypatch.setattr(hold_module, name, FOREVER)
    yield sent
    until = time.monotonic() + 10
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.01)


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page()
    yield made
    made.write_ticket(os.getpid())  # ends a thread that still waits


@pytest.fixture
def hold(page: Page, killed: List[int]) -> Hold:
    return Hold(page, os.getpid(), _processes.born(os.getpid()))


def test_it_holds_until_one_of_our_processes_ends_the_worker(
    hold: Hold, page: Page, killed: List[int], wait: Wait
) -> None:
    page.state = DRAINING
    assert hold(signal.SIGTERM)
    assert hold(signal.SIGTERM, echo=True)
    assert hold(signal.SIGTERM)  # as soon as this it is the same signal
    page.state = DELIVERED
    time.sleep(0.1)
    assert killed == []  # the root's handler runs now, and may need this worker to be there
    page.write_ticket(os.getpid())
    assert wait(lambda: killed == [signal.SIGTERM])
    assert not hold(signal.SIGTERM)  # what the server sends itself is the app's


@pytest.mark.parametrize("state", [DELIVERED, OFFLINE])
def test_it_passes_what_comes_after_the_roots_own(hold: Hold, page: Page, state: int) -> None:
    page.state = state
    assert not hold(signal.SIGTERM)


def test_it_passes_what_our_own_processes_sent(hold: Hold, page: Page) -> None:
    page.write_ticket(os.getpid() + 1)
    page.write_ticket(os.getpid())
    assert not hold(signal.SIGTERM)


def test_it_passes_a_quick_stop(hold: Hold) -> None:
    assert not hold(signal.SIGQUIT)


@pytest.mark.parametrize(("state", "name"), [(IDLE, "ALONE_SECONDS"), (DELIVERED, "AFTER_SECONDS")])
def test_it_does_not_wait_for_ever(
    hold: Hold, page: Page, killed: List[int], wait: Wait, monkeypatch: pytest.MonkeyPatch, state: int, name: str
) -> None:
    monkeypatch.setattr(hold_module, name, 0.05)
    assert hold(signal.SIGTERM)
    page.state = state
    assert wait(lambda: killed == [signal.SIGTERM])


def test_it_does_not_wait_long_after_the_deadline(hold: Hold, page: Page, killed: List[int], wait: Wait) -> None:
    page.state = DRAINING
    assert hold(signal.SIGTERM)
    page.deadline = time.monotonic() - hold_module.LATE_SECONDS - 1
    assert wait(lambda: killed == [signal.SIGTERM])


def test_a_second_signal_waits_for_the_root_to_end_the_drain(
    hold: Hold, page: Page, killed: List[int], wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.state = DRAINING
    assert hold(signal.SIGTERM)
    monkeypatch.setattr(hold_module, "ECHO_SECONDS", -1.0)
    assert hold(signal.SIGTERM)
    time.sleep(0.1)
    assert killed == []
    page.state = DELIVERED
    page.write_ticket(os.getpid())
    assert wait(lambda: killed == [signal.SIGTERM])


def test_a_second_signal_to_the_worker_alone_is_its_own_a_moment_later(
    hold: Hold, page: Page, killed: List[int], wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.state = DRAINING
    assert hold(signal.SIGTERM)
    monkeypatch.setattr(hold_module, "ECHO_SECONDS", -1.0)
    monkeypatch.setattr(hold_module, "ALONE_SECONDS", 0.05)
    assert hold(signal.SIGTERM)
    assert wait(lambda: killed == [signal.SIGTERM])


def test_it_passes_a_third_signal(hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hold(signal.SIGTERM)
    monkeypatch.setattr(hold_module, "ECHO_SECONDS", -1.0)
    assert hold(signal.SIGTERM)
    assert not hold(signal.SIGTERM)


def test_it_passes_where_the_root_is_gone(page: Page, killed: List[int], wait: Wait) -> None:
    assert not Hold(page, os.getpid(), 1)(signal.SIGTERM)  # another process has that pid now
