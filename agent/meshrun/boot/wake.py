"""Lets a process that starts dormant hear that it may wake: loads the runtime, in a thread, when that is no burden.

A program that lives for less than `WAIT_SECONDS` never loads it. The thread is parked before a fork and begins anew on
both sides, so that no child inherits an import that it was in the middle of.
"""

from __future__ import annotations

import _thread
import os

from .. import _threads
from . import apply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

WAIT_SECONDS = 1.0
# Taken before gevent or eventlet may replace them.
_start = _thread.start_new_thread
_new_lock = _thread.allocate_lock
_LONGEST = 10.0  # seconds that a fork, or the end of the program, waits for an import of ours


class Waker:
    """Started by the first library whose hook stays off."""

    def __init__(self) -> None:
        self._started = self._loaded = False
        self._stop: Optional[_thread.LockType] = None  # released: the thread ends
        self._gone: Optional[_thread.LockType] = None  # held while the thread runs
        self._native = 0  # the thread, as the kernel knows it

    def start(self) -> None:
        """Begin, once."""
        if self._started:
            return
        self._started = True
        import atexit  # noqa: PLC0415 - the library that is being imported has loaded it

        os.register_at_fork(before=self._park, after_in_parent=self._again, after_in_child=self._begin)
        atexit.register(self._park)
        self._begin()

    def _begin(self) -> None:
        if self._loaded:
            return
        stop, gone = _new_lock(), _new_lock()
        stop.acquire()
        gone.acquire()
        try:
            _start(self._run, (stop, gone))
        except RuntimeError:  # no thread can be had: it stays dormant
            return
        self._stop, self._gone = stop, gone

    def _again(self) -> None:
        if not self._loaded:
            _threads.after_fork(self._begin)

    def _run(self, stop: _thread.LockType, gone: _thread.LockType) -> None:
        self._native = _thread.get_native_id()
        try:
            if not stop.acquire(True, WAIT_SECONDS):
                self._loaded = True
                apply.module("meshrun.hook").wake()
        finally:
            gone.release()

    def _park(self) -> None:
        stop, gone = self._stop, self._gone
        self._stop = self._gone = None
        if stop is not None and gone is not None:
            stop.release()
            gone.acquire(True, _LONGEST)
            _threads.wait(self._native)
