"""The one thread of ours: looks at the engine four times a second and answers the admin socket.

It is a raw thread: it does not show in ``threading.enumerate()`` and never keeps the interpreter alive. It ends before
a fork and begins anew after it, so that no child inherits a lock that it held.
"""

from __future__ import annotations

import _thread
import os
import select
from typing import TYPE_CHECKING, Callable, Optional

from .. import _guard
from .admin import Admin

if TYPE_CHECKING:
    from .process import Process

TICK_MILLISECONDS = 250
_start = _thread.start_new_thread
_new_lock = _thread.allocate_lock
_poll = select.poll


class Agent:
    """Starts, ends and forgets the thread."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._ended = _new_lock()
        self._wake: Optional[int] = None
        self._stopping = False
        self._admin: Optional[Admin] = None
        self.running = False

    def start(self) -> None:
        """Begin, unless it runs already."""
        if self.running or not self._ended.acquire(False):
            return
        self.running = True
        self._stopping = False
        heard = None
        try:
            heard, self._wake = os.pipe()
            if self._admin is None:
                self._admin = Admin(self._process)
            _start(self._run, (heard,))
        except (OSError, RuntimeError) as error:  # no descriptor, or no thread, is left for us
            for number in (heard, self._wake):
                _close(number)
            self._wake = None
            self.running = False
            self._ended.release()
            _guard.report("agent", error)

    def stop(self) -> None:
        """End the thread and wait until it is gone (at most two seconds: it never blocks longer than one)."""
        if not self.running:
            return
        self._stopping = True
        wake, self._wake = self._wake, None
        _close(wake)
        if self._ended.acquire(True, 2.0):
            self._ended.release()
        self.running = False

    def leave(self) -> None:
        """At the end of the process: take the socket's file away."""
        if self._admin is not None:
            self._admin.close(unlink=True)

    def forget(self) -> None:
        """In a forked child: the thread is not here, its descriptors are the parent's."""
        self._ended = _new_lock()
        self.running = False
        self._wake = None
        if self._admin is not None:
            self._admin.close(unlink=False)
            self._admin = None

    def _run(self, pipe: int) -> None:
        ended = self._ended
        tick = _guard.guarded(where="agent")(self._tick)
        anew: Callable[[], Optional[int]] = _guard.guarded(where="agent")(self._anew)
        heard: Optional[int] = pipe
        try:
            poller = self._poller(pipe)
            while not self._stopping:
                ready = poller.poll(TICK_MILLISECONDS)
                if any(event & select.POLLNVAL for _, event in ready) and not self._stopping:
                    heard = anew()
                    if heard is None:  # calls look for themselves, and start the thread when it is possible again
                        self.running, self._process.inline = False, True
                        break
                    poller = self._poller(heard)
                if not self._stopping:
                    tick(bool(ready))
        finally:
            _close(heard)
            ended.release()

    def _anew(self) -> int:
        """The app closed every descriptor, as programs do that become daemons: forget ours and make new ones."""
        self._wake = None
        if self._admin is not None:
            self._admin.lost()
        heard, self._wake = os.pipe()
        self._admin = Admin(self._process)
        return heard

    def _poller(self, heard: int) -> select.poll:
        poller = _poll()
        poller.register(heard, select.POLLIN)
        admin = self._admin
        if admin is not None and admin.descriptor is not None:
            poller.register(admin.descriptor, select.POLLIN)
        return poller

    def _tick(self, asked: bool) -> None:
        if asked and self._admin is not None:
            self._admin.answer()
        self._process.tick()


def _close(number: Optional[int]) -> None:
    try:
        if number is not None:
            os.close(number)
    except OSError:  # the app closed it
        pass
