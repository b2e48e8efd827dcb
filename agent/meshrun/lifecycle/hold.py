"""Holds a worker's stop signal while its root drains: a signal to the whole process group must cost no request.

A worker cannot tell from the signal who sent it, and often gets it before the root does. So it acts at once only where
it knows better: our own processes write a ticket before they signal a worker (a reload, fewer workers, the end), and
the page says when the root has delivered its own. Otherwise it waits for the root, a second at most if that got none.
"""

from __future__ import annotations

import os
import time
from typing import Optional

from .. import _guard, _native
from .._processes import alive
from ..core.drain import ECHO_SECONDS
from .page import DELIVERED, DRAINING, IDLE, OFFLINE, Page
from .signals import at_once

_sleep = time.sleep
_monotonic = time.monotonic
_start = _native.start_new_thread
_kill = os.kill
STEP_SECONDS = 0.01
ALONE_SECONDS = 1.0
"""How long a worker waits for its root to be signalled too."""
LATE_SECONDS = 5.0
"""How long after its deadline a root may take to deliver its signal."""
AFTER_SECONDS = 1.0
"""How long a root that has delivered its signal may take to end its workers; one that ended first would be missed."""


class Hold:
    """The stop signals of one worker: an instance is called inside of signal handlers. True: the signal is held."""

    def __init__(self, page: Page, root: int, born: int) -> None:
        self._page = page
        self._root, self._born = root, born
        self._ticket = page.ticket(os.getpid())
        self._since: Optional[float] = None
        self._again: Optional[float] = None  # when a second signal came
        self._signum = 0
        self.passed = False  # from here on every signal is the app's: a server may send itself the signal once more

    def __call__(self, signum: int, *, echo: bool = False) -> bool:
        """`echo`: an event loop's second report of a signal whose Python handler ran before."""
        now = _monotonic()
        if self.passed or at_once(signum):
            self.passed = True
        elif self._since is None:
            self._since, self._signum = now, signum
            self.passed = self._page.state in (DELIVERED, OFFLINE) or self._released() or not self._watched()
        elif not echo and now - (self._again or self._since) > ECHO_SECONDS:
            # The second one ends the drain. Where the whole group got it, that is the root's to do: some call a worker
            # that is gone before a failure. A third one waits for nobody.
            self.passed = self._again is not None
            self._again = now
        return not self.passed

    def _watched(self) -> bool:
        try:
            _start(self._watch, ())
        except RuntimeError:
            return False
        return True

    def _released(self) -> bool:
        """Whether one of our processes sent the signal, or the root is gone."""
        return self._page.ticket(os.getpid()) != self._ticket or not alive(self._root, self._born)

    @_guard.guarded(where="hold")
    def _wait(self) -> None:
        """Until the root ends this worker, is gone, takes too long, or has not been signalled itself."""
        page = self._page
        state, since = page.state, self._since or 0.0  # when this worker saw that state first
        while not (self.passed or self._released()):
            now = _monotonic()
            if page.state != state:
                state, since = page.state, now
            if state == DRAINING:
                over = 0 < page.deadline < now - LATE_SECONDS or 0 < (self._again or 0.0) < now - ALONE_SECONDS
            else:
                over = now - since > (ALONE_SECONDS if state == IDLE else AFTER_SECONDS)
            if over:
                return
            _sleep(STEP_SECONDS)

    def _watch(self) -> None:
        self._wait()
        if not self.passed:  # else one more signal went straight to the app
            self.passed = True
            _kill(os.getpid(), self._signum)
