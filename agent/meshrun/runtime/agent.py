"""The one thread of ours: looks at the engine four times a second and answers the admin socket.

It is a raw thread: it does not show in ``threading.enumerate()`` and never keeps the interpreter alive. It ends before
a fork and begins anew after it, so that no child inherits a lock that it held.
"""

from __future__ import annotations

import _thread
import os
import select
from typing import TYPE_CHECKING, Optional

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
        try:
            heard, self._wake = os.pipe()
            if self._admin is None:
                self._admin = Admin(self._process)
            _start(self._run, (heard,))
        except (OSError, RuntimeError) as error:
            self.running = False
            self._ended.release()
            _guard.report("agent", error)

    def stop(self) -> None:
        """End the thread and wait until it is gone (at most two seconds: it never blocks longer than one)."""
        if not self.running:
            return
        self._stopping = True
        wake, self._wake = self._wake, None
        if wake is not None:
            os.close(wake)
        if self._ended.acquire(True, 2.0):
            self._ended.release()
        self.running = False

    def forget(self) -> None:
        """In a forked child: the thread is not here, its descriptors are the parent's."""
        self._ended = _new_lock()
        self.running = False
        self._wake = None
        if self._admin is not None:
            self._admin.close(unlink=False)
            self._admin = None

    def _run(self, heard: int) -> None:
        ended = self._ended
        tick = _guard.guarded(where="agent")(self._tick)
        try:
            poller = _poll()
            poller.register(heard, select.POLLIN)
            admin = self._admin
            if admin is not None and admin.descriptor is not None:
                poller.register(admin.descriptor, select.POLLIN)
            while not self._stopping:
                ready = [number for number, _ in poller.poll(TICK_MILLISECONDS)]
                if not self._stopping:
                    tick(bool(ready))
        finally:
            os.close(heard)
            ended.release()

    def _tick(self, asked: bool) -> None:
        if asked and self._admin is not None:
            self._admin.answer()
        self._process.tick()
