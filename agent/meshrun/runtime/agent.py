"""The one thread of ours: looks at the engine four times a second and answers the admin socket.

It is a raw thread: it does not show in ``threading.enumerate()`` and never keeps the interpreter alive. It ends before
a fork and begins anew after it, so that no child inherits a lock that it held.
"""

from __future__ import annotations

import select
from _thread import get_native_id
from typing import TYPE_CHECKING, Optional

from .. import _applied, _guard, _native, _threads
from .admin import Admin
from .descriptor import Descriptor, pipe

if TYPE_CHECKING:
    from .process import Process

TICK_MILLISECONDS = 250
_start = _native.start_new_thread
_new_lock = _native.allocate_lock
_poll = _native.poll


class Agent:
    """Starts, ends and forgets the thread."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._ended = _new_lock()
        self._heard: Optional[Descriptor] = None  # the thread wakes when the other end, `_wake`, is closed
        self._wake: Optional[Descriptor] = None
        self._stopping = False
        self._admin: Optional[Admin] = None
        self._swept = False
        self._native = 0  # the thread, as the kernel knows it
        self.running = False

    def start(self) -> None:
        """Begin, unless it runs already."""
        if self.running or not self._ended.acquire(False):
            return
        self.running = True
        self._stopping = False
        try:
            self._heard, self._wake = pipe()
            if self._admin is None:
                self._admin = Admin(self._process)
            _start(self._run, ())
            if _applied.crash is not None:
                _applied.crash.used()
        except (OSError, RuntimeError) as error:  # no descriptor, or no thread, is left for us
            self._close_pipe()
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
            wake.close()
        if self._ended.acquire(True, 2.0):
            self._ended.release()
            _threads.wait(self._native)
        self.running = False

    def leave(self) -> None:
        """At the end of the process: take the socket's file away."""
        self.stop()
        if self._admin is not None:
            self._admin.close(unlink=True)

    def forget(self) -> None:
        """In a forked child: the thread is not here, its descriptors are the parent's."""
        self._ended = _new_lock()
        self.running = False
        self._close_pipe()
        if self._admin is not None:
            self._admin.close(unlink=False)
            self._admin = None

    def _close_pipe(self) -> None:
        for end in (self._heard, self._wake):
            if end is not None:
                end.close()
        self._heard = self._wake = None

    def _run(self) -> None:
        ended = self._ended
        self._native = get_native_id()
        tick = _guard.guarded(where="agent")(self._tick)
        poller: Optional[select.poll] = self._poller()
        try:
            while poller is not None:
                ready = poller.poll(TICK_MILLISECONDS)
                if self._stopping:
                    break
                if ready and not self._whole():
                    poller = self._anew()
                tick(bool(ready))
        finally:
            if self._heard is not None:
                self._heard.close()
            if poller is None:  # calls look for themselves, and start the thread when it is possible again
                self.running, self._process.inline = False, True
            ended.release()

    def _poller(self) -> select.poll:
        poller = _poll()
        for one in (self._heard, self._admin.descriptor if self._admin is not None else None):
            if one is not None:
                poller.register(one.number, select.POLLIN)
        return poller

    def _whole(self) -> bool:
        """Whether the app left us our descriptors."""
        own = (self._heard, self._wake, self._admin.descriptor if self._admin is not None else None)
        return all(one is None or one.ours for one in own)

    @_guard.guarded(where="agent")
    def _anew(self) -> Optional[select.poll]:
        """The app closed every descriptor, as programs do that become daemons: forget ours and make new ones."""
        self._close_pipe()
        if self._admin is not None:
            self._admin.close(unlink=True)
        self._admin = None
        self._heard, self._wake = pipe()
        self._admin = Admin(self._process)
        return self._poller()

    def _tick(self, asked: bool) -> None:
        if not self._swept and self._admin is not None:
            self._swept = True
            self._admin.sweep()
        if asked and self._admin is not None:
            self._admin.answer()
        self._process.tick()
