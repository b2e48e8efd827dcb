"""The stop signal of a process that only waits for a child that serves: handed on, so that the child may drain.

Reloaders are such processes, and end by killing the child. Runs inside signal handlers.
"""

from __future__ import annotations

import os
from time import monotonic

from .core.drain import ECHO_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

_SIGTERM = 15
_kill = os.kill


class HandOn:
    """True: the children have the signal, and this process ends when they do. Once: the next one ends it as bare."""

    def __init__(self) -> None:
        self._when: Optional[float] = None

    def __call__(self, signum: int) -> bool:
        """A stop signal came."""
        now = monotonic()
        if self._when is not None:
            return now - self._when <= ECHO_SECONDS
        children = _children() if signum == _SIGTERM else []
        for child in children:
            try:
                _kill(child, signum)
            except ProcessLookupError:
                continue
            self._when = now
        return self._when is not None


def _children() -> List[int]:
    """Those that the main thread has made, proc(5); none where the kernel does not say it."""
    try:
        with open("/proc/self/task/%d/children" % os.getpid(), encoding="ascii") as stream:
            return [int(word) for word in stream.read().split()]
    except OSError:
        return []
