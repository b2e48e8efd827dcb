"""One stop from the signal to its delivery. The clock is the real one; nothing here asserts how long it took."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, Callable, List, Optional

import pytest

from meshrun.lifecycle import drain as module
from meshrun.lifecycle.drain import Drain
from meshrun.lifecycle.page import DELIVERED, DRAINING, IDLE, INFLIGHT, OFFLINE, Limits, Page

Wait = Callable[[Callable[[], Any]], Any]


class Stage:
    """A drain with what it did to the registry and to the app."""

    def __init__(self, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
        self.page = Page()
        self.row = self.page.row(os.getpid())
        self.told: List[Optional[str]] = []
        self.killed: List[int] = []
        self.state_when_delivered = IDLE
        self.drain = Drain(self.page, lambda: limits, self.tell, lambda: None)
        monkeypatch.setattr(module, "_kill", self.kill)

    def tell(self, state: Optional[str]) -> None:
        self.told.append(state)

    def kill(self, pid: int, signum: int) -> None:
        assert pid == os.getpid()
        self.state_when_delivered = self.page.state
        self.killed.append(signum)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    return lambda seconds=10.0, quiet=0.0, least=0.0: Stage(Limits(seconds, quiet, least), monkeypatch)


def test_a_signal_is_held_until_nothing_is_in_flight_and_then_delivered_once(stage: Any, wait: Wait) -> None:
    on = stage()
    on.row[INFLIGHT] = 1
    assert on.drain.signalled(signal.SIGTERM, echo=False)
    assert on.page.state == DRAINING
    assert wait(lambda: on.told == ["draining"])
    time.sleep(0.2)
    assert on.killed == []
    on.row[INFLIGHT] = 0
    assert wait(lambda: on.killed == [signal.SIGTERM])
    assert on.told == ["draining", None]
    assert on.state_when_delivered == DELIVERED
    assert on.drain.passed


def test_it_is_delivered_at_the_deadline_whatever_is_in_flight(stage: Any, wait: Wait) -> None:
    on = stage(seconds=0.3)
    on.row[INFLIGHT] = 1
    assert on.drain.signalled(signal.SIGTERM, echo=False)
    assert wait(lambda: on.killed == [signal.SIGTERM])


def test_a_second_signal_means_at_once_and_is_the_one_that_is_delivered(stage: Any, wait: Wait) -> None:
    on = stage(seconds=600.0, least=600.0)
    assert on.drain.signalled(signal.SIGTERM, echo=False)
    assert on.drain.signalled(signal.SIGTERM, echo=False)  # within half a second: the same stop
    time.sleep(0.7)
    assert on.killed == []
    assert on.drain.signalled(signal.SIGINT, echo=False)
    assert wait(lambda: on.killed == [signal.SIGINT])


def test_the_late_echo_of_a_loop_that_was_blocked_is_not_a_second_signal(stage: Any, wait: Wait) -> None:
    on = stage(seconds=600.0, least=600.0)
    assert on.drain.signalled(signal.SIGTERM, echo=False)
    time.sleep(0.7)
    assert on.drain.signalled(signal.SIGTERM, echo=True)
    time.sleep(0.2)
    assert on.killed == []
    assert on.drain.signalled(signal.SIGTERM, echo=False)  # ends the thread
    assert wait(lambda: on.killed)


def test_an_echo_that_comes_first_begins_the_stop(stage: Any, wait: Wait) -> None:
    on = stage()
    assert on.drain.signalled(signal.SIGTERM, echo=True)
    assert wait(lambda: on.killed == [signal.SIGTERM])


def test_an_operator_drains_without_a_delivery(stage: Any, wait: Wait) -> None:
    on = stage()
    on.drain.offline()
    assert on.page.state == DRAINING
    assert wait(lambda: on.page.state == OFFLINE)
    assert wait(lambda: on.told == ["draining", None])
    on.drain.offline()  # once more is nothing new
    assert on.page.state == OFFLINE
    assert on.killed == []


def test_a_signal_after_that_passes_at_once(stage: Any, wait: Wait) -> None:
    on = stage()
    on.drain.offline()
    assert wait(lambda: on.page.state == OFFLINE)
    assert not on.drain.signalled(signal.SIGTERM, echo=False)
    assert on.drain.passed


def test_a_signal_during_a_drain_by_an_operator_goes_on_with_it_and_delivers(stage: Any, wait: Wait) -> None:
    on = stage()
    on.row[INFLIGHT] = 1
    on.drain.offline()
    assert wait(lambda: on.told == ["draining"])
    assert on.drain.signalled(signal.SIGTERM, echo=False)
    on.row[INFLIGHT] = 0
    assert wait(lambda: on.killed == [signal.SIGTERM])
    assert on.page.state == DELIVERED


def test_a_worker_that_drives_an_operators_drain_leaves_the_end_to_the_root_that_is_signalled(
    stage: Any, wait: Wait
) -> None:
    on = stage()
    on.row[INFLIGHT] = 1
    on.drain.offline()
    on.page.by_operator = False  # what the root does on a signal
    on.row[INFLIGHT] = 0
    assert wait(lambda: on.drain._busy.acquire(False))
    assert (on.page.state, on.killed) == (DRAINING, [])


def test_a_registry_that_hangs_does_not_keep_the_app_alive(
    monkeypatch: pytest.MonkeyPatch, stage: Any, wait: Wait
) -> None:
    on = stage()
    never = module._new_lock()
    never.acquire()
    monkeypatch.setattr(on.drain, "_tell", lambda _state: never.acquire())
    assert on.drain.signalled(signal.SIGTERM, echo=False)
    assert wait(lambda: on.killed == [signal.SIGTERM])


def test_an_error_of_ours_delivers_the_signal(monkeypatch: pytest.MonkeyPatch, stage: Any, wait: Wait) -> None:
    on = stage(least=600.0)

    def broken() -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(on.page.__class__, "load", lambda _page: broken())
    assert on.drain.signalled(signal.SIGTERM, echo=False)
    assert wait(lambda: on.killed == [signal.SIGTERM])


def test_where_no_thread_can_be_started_the_signal_passes(monkeypatch: pytest.MonkeyPatch, stage: Any) -> None:
    on = stage()

    def refuse(*_: Any) -> Any:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module, "_start", refuse)
    assert not on.drain.signalled(signal.SIGTERM, echo=False)
    assert on.drain.passed


def test_what_stops_at_once_leaves_the_registry_beside_the_apps_own_handler(stage: Any, wait: Wait) -> None:
    on = stage()
    on.drain.at_once()
    assert on.drain.passed
    assert wait(lambda: on.told == [None])
    assert on.killed == []
