"""The one thread of ours: looks at the engine four times a second and answers on the admin sockets.

It is a raw thread: it does not show in ``threading.enumerate()`` and never keeps the interpreter alive. It ends before
a fork and begins anew after it, so that no child inherits a lock that it held.
"""

from __future__ import annotations

import os
import select
import sys
from _thread import get_native_id
from time import monotonic
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional

from .. import _applied, _guard, _native, _processes, _threads
from .admin import Admin
from .descriptor import Descriptor, pipe
from .visits import Visits

if TYPE_CHECKING:
    from .process import Process

TICK_SECONDS = 0.25
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
        self._visits = Visits(lambda: process.server.starting)
        self._ends = 0  # the process in which multiprocessing calls `end`
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
            self._end_as_child()
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

    def end(self) -> None:
        """The process ends: its last numbers are written down."""
        process = self._process
        self.stop()
        process.server.settle()
        process.tallies.leave(process.local.inflight)

    def _end_as_child(self) -> None:
        """A child of multiprocessing by fork ends by ``os._exit``: nothing runs at its exit but these, once."""
        util: Any = sys.modules.get("multiprocessing.util")
        if self._ends != os.getpid() and util is not None and _processes.child_of_multiprocessing():
            self._ends = os.getpid()
            util.Finalize(None, _guard.guarded(where="exit")(self.end), exitpriority=-100)

    def leave(self) -> None:
        """At the end of the process: take the socket's file away."""
        self.end()
        self._visits.close()
        if self._admin is not None:
            self._admin.close(unlink=True)

    def forget(self) -> None:
        """In a forked child: the thread is not here, its descriptors are the parent's."""
        self._ended = _new_lock()
        self.running = False
        self._close_pipe()
        self._visits.close()
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
        turn = _guard.guarded(where="admin")(self._turn)
        due = monotonic() + TICK_SECONDS
        whole = True
        try:
            while whole:
                ready = self._poll(due)
                if self._stopping:
                    break
                answered = turn(ready) if not ready or self._whole() else None
                if answered is None:
                    whole = self._anew()
                if answered or not ready or monotonic() >= due:
                    tick()
                    due = monotonic() + TICK_SECONDS
        finally:
            if self._heard is not None:
                self._heard.close()
            if not whole:  # calls look for themselves, and start the thread when it is possible again
                self.running, self._process.inline = False, True
            ended.release()

    def _poll(self, due: float) -> Dict[int, int]:
        """What is ready, as soon as anything is; nothing, at `due`."""
        poller = _poll()
        if self._heard is not None:
            poller.register(self._heard.number, select.POLLIN)
        if self._admin is not None:
            self._admin.wanted(poller.register)
            due = self._admin.due(due)
        self._visits.wanted(poller.register)
        due = self._visits.due(due)
        return dict(poller.poll(max(0.0, due - monotonic()) * 1000))

    def _turn(self, ready: Mapping[int, int]) -> bool:
        """Answer those who ask, and hear who answers. Whether a tick should look at what was said."""
        answered = self._admin is not None and self._admin.step(ready, monotonic())
        return self._visits.step(ready, monotonic()) or answered

    def _whole(self) -> bool:
        """Whether the app left us our descriptors."""
        own = [one for one in (self._heard, self._wake) if one is not None]
        own += self._visits.descriptors
        return all(one.ours for one in own + (self._admin.descriptors if self._admin is not None else []))

    @_guard.guarded(default=False, where="agent")
    def _anew(self) -> bool:
        """Forget our descriptors and make new ones: programs that become daemons close every one that they have."""
        self._close_pipe()
        self._visits.close()
        if self._admin is not None:
            self._admin.close(unlink=True)
        self._admin = None
        self._heard, self._wake = pipe()
        self._admin = Admin(self._process)
        return True

    @property
    def addresses(self) -> Mapping[str, Optional[str]]:
        """Where this process answers on TCP, by what is answered there."""
        return self._admin.addresses if self._admin is not None else {}

    def _tick(self) -> None:
        if self._admin is not None:
            self._admin.tick(monotonic())
        self._process.tick()
        self._visits.step({}, monotonic())
