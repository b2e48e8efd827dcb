"""Keeps our threads out of sight of ``os.fork``, which from 3.12 on warns where the kernel counts more than one.

It counts before the fork or, in 3.13, after what is registered to run in the parent then.
"""

from __future__ import annotations

import os
import sys

from . import _main_thread, _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Optional

_VERSION = tuple(sys.version_info)
_STEPS, _STEP_SECONDS = 200, 0.0005


def after_fork(start: Callable[[], object]) -> None:
    """Start a thread in the parent of a fork, once the fork is over; at once where there are other threads anyway."""
    if _VERSION < (3, 13) or not _alone():
        start()
        return
    caller: Optional[FrameType] = sys._getframe(1)  # noqa: SLF001 -- of `os.fork`: nothing else says when that is over
    while caller is not None and str(caller.f_globals.get("__name__")).partition(".")[0] == "meshrun":
        caller = caller.f_back
    at = caller.f_lasti if caller is not None else None

    def once_over() -> None:
        again = caller is not None and caller.f_lasti == at
        if not again or not _main_thread.soon(once_over):
            start()

    if not _main_thread.soon(once_over):
        start()


def _alone() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def wait(native: int) -> None:
    """Return when the kernel knows no thread of that id any more; after a tenth of a second in any case.

    A thread that has released its last lock still counts for some microseconds.
    """
    if _VERSION < (3, 12):
        return
    path = "/proc/self/task/%d" % native
    never = _native.allocate_lock()  # to wait by: `time.sleep` may be anybody's
    never.acquire()
    for _ in range(_STEPS):
        if not os.path.exists(path):
            return
        never.acquire(True, _STEP_SECONDS)
