"""Drives one stop: holds the signal, tells the registry, waits until the workers are idle, delivers the signal.

`core.drain.Stop` decides when; here are the thread, the clock and the signal. The thread is a raw one and the functions
that it uses are taken at import, before gevent or an app may replace them.
"""

from __future__ import annotations

import _thread
import os
import time
from typing import Callable, List, Optional, Tuple

from .. import _guard, _native
from ..core.drain import DELIVER, Stop
from ..core.model import DRAINING as SAID_DRAINING
from ..core.timeline import HANDLER, LAST_REQUEST, SIGNALLED
from .addresses import listens
from .page import DELIVERED, DRAINING, IDLE, OFFLINE, Limits, Page

_sleep = time.sleep
_monotonic = time.monotonic
_time = time.time
_start = _native.start_new_thread
_new_lock = _native.allocate_lock
_kill = os.kill
STEP_SECONDS = 0.02
TELL_SECONDS = 1.0
"""How long the end of a stop waits for the registry. An engine that is down must not keep the app alive."""
SURVIVED_SECONDS = 60.0
"""A program that listens still so long after its own handler ran does not end by it. Many serve on for a while first,
until their platform has seen that they are not ready any more."""


class Drain:
    """The stop of one process. `signalled` and `at_once` run inside signal handlers."""

    def __init__(
        self,
        page: Page,
        limits: Callable[[], Limits],
        tell: Callable[[Optional[str]], None],
        settle: Callable[[], None],
    ) -> None:
        self._page = page
        self._limits = limits
        self._tell = tell  # tells the registry a state; None: remove
        self._settle = settle  # writes down what this process has in flight
        self._events: List[Tuple[Optional[int], float]] = []
        self._busy = _new_lock()  # held while the thread runs
        self.took: Optional[float] = None  # seconds of the drain that ended here; the source of meshrun_drain_seconds
        self._told: Optional[_thread.LockType] = None
        self.passed = False  # the app's handler has run or runs now: from here on every signal is the app's
        self._when = 0.0  # that was, monotonic; 0: it did not, or was asked after

    def signalled(self, signum: int, *, echo: bool) -> bool:
        """A stop signal that may be held. True: it is."""
        page = self._page
        if page.state in (DELIVERED, OFFLINE):  # nothing is left to wait for
            self.at_once()
            return False
        if not echo or not self._signals():
            self._events.append((signum, _monotonic()))
            page.by_operator = False
            page.note(SIGNALLED, _time())
            page.state = DRAINING
        if self._run_once():
            return True
        self.at_once()
        return False

    def offline(self) -> None:
        """Drain without a signal: at the end the process serves on, unregistered."""
        if self._page.state == IDLE:
            self._page.by_operator = True
            self._page.note(SIGNALLED, _time())
            self._page.state = DRAINING
            self._events.append((None, _monotonic()))
            self._run_once()

    def at_once(self) -> None:
        """The app stops without a drain: all that is left is to leave the registry, beside the app's own handler."""
        self.passed, self._when = True, _monotonic()
        for event in (SIGNALLED, HANDLER):
            self._page.note(event, _time())
        self._page.state = DELIVERED
        self._aside(None)

    def survived(self, port: int) -> bool:
        """Whether the app's handler has run and the program serves on all the same; asked once, in good time."""
        if not self._when or _monotonic() - self._when < SURVIVED_SECONDS:
            return False
        self._when = 0.0
        return listens(port)

    def closed(self) -> None:
        """The server has closed its sockets: what listens there from now on is another one."""
        self._when = 0.0

    def left(self) -> None:
        """Wait until the registry was told what there was to tell: the process dies now."""
        told = self._told
        if told is not None and told.acquire(True, TELL_SECONDS):
            told.release()

    def _run_once(self) -> bool:
        """Start the thread unless it runs; False where no thread can be started."""
        if not self._busy.acquire(False):
            return True
        try:
            _start(self._run, ())
        except RuntimeError:
            self._busy.release()
            return False
        return True

    def _aside(self, state: Optional[str]) -> Optional[_thread.LockType]:
        """Tell the registry in a thread of its own, after what was told before it.

        Answers a lock that is free once it is told, or None where no thread can be started.
        """
        before, told = self._told, _new_lock()
        told.acquire()

        def work() -> None:
            try:
                if before is not None and before.acquire(True, 2 * TELL_SECONDS):
                    before.release()
                _guard.guarded(where="registration")(self._tell)(state)
            finally:
                told.release()

        try:
            _start(work, ())
        except RuntimeError:
            return None
        self._told = told
        return told

    def _run(self) -> None:
        again = True
        while again:
            _guard.guarded(where="drain")(self._drain)()
            if not self.passed:
                self._finish()
            self._busy.release()
            # A signal may have come in the instant in which a drain by an operator ended.
            again = not self.passed and bool(self._signals()) and self._busy.acquire(False)

    def _drain(self) -> None:
        """Returns when the stop machine says so, or when something passed the signal on meanwhile."""
        page, stop, read = self._page, Stop(), 0
        self._aside(SAID_DRAINING)
        limits, last = self._limits(), page.load()
        answer = ""
        while answer != DELIVER and not self.passed:
            for signum, when in self._events[read:]:
                read += 1
                if read == 1:
                    page.deadline = when + limits.seconds
                    answer = stop.asked(when, *limits, signal=signum is not None)
                elif signum is not None:
                    answer = stop.signalled_again(when)
            if answer != DELIVER:
                self._settle()
                load = page.load()
                if last.inflight or load != last:
                    page.note(LAST_REQUEST, _time(), again=True)
                last = load
                answer = stop.sample(_monotonic(), load.inflight, load.requests)
            if answer != DELIVER:
                _sleep(STEP_SECONDS)

    def _signals(self) -> List[int]:
        return [number for number, _ in self._events if number is not None]

    def _finish(self) -> None:
        """Leave the registry and hand the last signal to the app."""
        page, signals = self._page, self._signals()
        self.took = _monotonic() - self._events[0][1]
        if not signals:
            if page.by_operator:  # else the root was signalled meanwhile, and ends what this worker began
                page.state = OFFLINE
                self._aside(None)
            return
        page.note(HANDLER, _time())
        page.state = DELIVERED
        self._aside(None)
        self.left()
        if not self.passed:  # else one more signal went straight to the app while the registry was told
            self.passed, self._when = True, _monotonic()
            _kill(os.getpid(), signals[-1])
