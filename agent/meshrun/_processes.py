"""Which process is which: alive or not, root or worker. Reads /proc, decides nothing.

Light on purpose: the crash guard asks while the interpreter starts.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

_DEAD = ("Z", "X", "x")


def _stat(pid: int) -> Optional[Tuple[str, int]]:
    """State and start (clock ticks since boot) of a process, proc(5); None: there is no such process to be seen."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
        return fields[0].decode("ascii"), int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def born(pid: int) -> int:
    """When the process started, so that a reused pid is not taken for it; 0: not known."""
    seen = _stat(pid)
    return 0 if seen is None else seen[1]


def alive(pid: int, start: int) -> bool:
    """Whether the process that started at `start` (as `born` said; 0: any) still runs. A zombie does not."""
    seen = _stat(pid)
    if seen is None:
        return _exists(pid) if not os.path.exists("/proc/self/stat") else False
    return seen[0] not in _DEAD and (not start or seen[1] == start)


def _exists(pid: int) -> bool:
    """The answer of the kernel, where /proc is not mounted."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def child_of_multiprocessing() -> bool:
    """Whether multiprocessing started this process, by fork, spawn or forkserver: then it is a worker of its parent."""
    module = sys.modules.get("multiprocessing.process")
    if module is None or not hasattr(module, "parent_process"):
        return False
    # A spawned one knows its parent only once it has imported the main program; until then this is what it goes by.
    return module.parent_process() is not None or bool(getattr(module.current_process(), "_inheriting", False))


def foreground() -> bool:
    """Whether a person at a terminal looks at this process: Ctrl-C must then feel as without us."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
