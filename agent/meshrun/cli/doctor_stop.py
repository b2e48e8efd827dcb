"""Whether a stop reaches what serves: a live process that nothing lets drain, and workers that outlive their root."""

from __future__ import annotations

import signal
from typing import Iterator, List, Optional, Sequence

from . import kill_time, output, proc
from .checks import FINE, NOTE, WRONG, Check
from .invocation import Invocation
from .processes import Process

_MEND_HOLD = "Where a side thread serves, let the main thread import the server's library first, or set a handler for "
_MEND_HOLD += "SIGTERM: no other thread may, and a main thread that only waits is never asked."
_MEND_GROUP = "Let the signal go to the whole group: KillMode=mixed or control-group in a unit, stopasgroup=true for "
_MEND_GROUP += "supervisord, `kill -TERM -- -GROUP` by hand."


def workers(living: Sequence[Process], pid: int) -> List[Process]:
    """Those of the processes whose parent is that one."""
    return [one for one in living if _parent(one.pid) == pid]


def checks(here: Invocation, pid: int, living: Sequence[Process]) -> List[Check]:
    """Of one process, a server or one of its workers; `living`: all that answer. `here` has its environment."""
    own = [one for one in living if one.pid == pid]
    left = [one for one in own or workers(living, pid) if (one.status or {}).get("outlives_root")]
    found = [check for one in own for check in _held(one)]
    return found + ([_left(here, left)] if left else [])


def _held(process: Process) -> Iterator[Check]:
    """A server that callers are sent to, in a process that dies of SIGTERM as if it served nothing."""
    status = process.status or {}
    serves = process.pid in (status.get("workers") or ())
    if not serves or not status.get("registered") or status.get("draining"):
        return
    try:
        ends = proc.by_default(process.pid, signal.SIGTERM)
    except OSError:
        return
    if ends:
        what = "nothing holds SIGTERM: it ends at once, with the requests that it has, and stays registered until its "
        what += "lease ends"
        yield Check("signals", WRONG, what, _MEND_HOLD, "MR7019")


def _left(here: Invocation, left: Sequence[Process]) -> Check:
    """Workers of a root that nobody tells to end them."""
    pids = output.pids([one.pid for one in left])
    root = _root(left[0].pid)
    if root is None:
        mend = "End it by SIGTERM, which it drains. " + _MEND_GROUP
        return Check("workers", WRONG, "the process that forked %s has ended; it serves on" % pids, mend, "MR7018")
    what = "SIGTERM to process %d, which forked %s, ends that one alone" % (root, pids)
    platform = kill_time.platform(here.environ, root, None)
    if platform is not None and platform.sweeps:
        return Check("workers", FINE, what + "; the platform ends the others")
    state = WRONG if platform is not None and platform.known else NOTE
    return Check("workers", state, what + ": the others serve on", _MEND_GROUP, "MR7018")


def _root(worker: int) -> Optional[int]:
    """The process that forked a worker; None: it has ended, and another has adopted the worker."""
    root = _parent(worker)
    try:
        return root if root and proc.program(root) == proc.program(worker) else None
    except OSError:
        return None


def _parent(pid: int) -> int:
    try:
        return proc.parent(pid)
    except OSError:
        return 0
