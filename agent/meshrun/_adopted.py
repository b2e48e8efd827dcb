"""Our handler of stop signals for a server that has none: it lets them be held, and is the default in all else.

Light on purpose: it is set while the app imports its libraries where a server may run in another thread than the main
one, which alone may set handlers. It runs between any two instructions of the app.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` is hooked: here its bare functions are wanted
import os
import sys

from . import _processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Mapping

_kill = os.kill


class Adopted:
    """Stands in the interpreter's table where the program has no handler.

    `meshrun_handler` is what stands behind it, as the program knows it: the hook of `signal` knows ours by that name on
    the type. `gate` answers True for a signal that is held. `leave` is called before the process dies by the default
    action: it lets the registry be told, and answers whether this process has served anything.
    """

    __slots__ = ("_gate", "_leave", "meshrun_handler")

    def __init__(self, gate: Callable[[int], bool], leave: Callable[[], bool], behind: Any) -> None:
        self._gate = gate
        self._leave = leave
        self.meshrun_handler = behind

    def __call__(self, signum: int, frame: Any) -> None:
        """What the interpreter calls."""
        if self._gate(signum):
            return
        behind = self.meshrun_handler
        if callable(behind):
            behind(signum, frame)
            return
        served = self._leave()
        if os.getpid() == 1:
            # The kernel gives PID 1 no default action: a server would go on until SIGKILL. Other programs do, as bare.
            if served:
                os._exit(128 + signum)
            return
        _signal.signal(signum, _signal.SIG_DFL)
        _kill(os.getpid(), signum)


def adopt(gate: Callable[[int], bool], leave: Callable[[], bool]) -> None:
    """Put our handler where the program has none. ValueError: this is not the main thread.

    What the program reads back stays the default. SIGINT at a terminal keeps the interpreter's own handler, whose
    traceback a person reads.
    """
    if _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL and not _caught(_signal.SIGTERM):
        _signal.signal(_signal.SIGTERM, Adopted(gate, leave, _signal.SIG_DFL))
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler and not _processes.foreground():
        _signal.signal(_signal.SIGINT, Adopted(gate, leave, _signal.default_int_handler))


def _caught(signum: int) -> bool:
    """Whether there is a handler that Python does not know: of uWSGI, of `faulthandler`, of whoever embeds it."""
    try:
        with open("/proc/self/status", "rb") as stream:
            masks = [line.split()[1] for line in stream if line.startswith(b"SigCgt:")]
    except OSError:
        return False
    return any(int(mask, 16) >> (signum - 1) & 1 for mask in masks)


def adopted() -> bool:
    """Whether ours stands for SIGTERM."""
    return isinstance(_signal.getsignal(_signal.SIGTERM), Adopted)


def abandon() -> bool:
    """In a forked child: back to the bare dispositions, so that a child in a long C call dies at once as it would.

    Whether SIGTERM has its default then: the parent had no handler of its own when it forked.
    """
    for signum in (_signal.SIGTERM, _signal.SIGINT):
        handler = _signal.getsignal(signum)
        if isinstance(handler, Adopted):
            _signal.signal(signum, handler.meshrun_handler)
    return bool(_signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL)


def early(environ: Mapping[str, str]) -> None:
    """A library that serves was imported: let stop signals pass the gate wherever its server will run.

    A server in a side thread counts only if the operator has named its port; one in the main thread gets our handler
    when it listens. So nothing changes in the many programs that import such a library and serve nothing: while a
    handler in Python stands, a signal waits for the end of a long call into C.
    """
    if not (environ.get("MESHRUN_PORT") or environ.get("MESHRUN_PORTS")) or _processes.child_of_multiprocessing():
        return
    try:
        adopt(_gate, _leave)
    except ValueError:  # another thread
        return
    if not _registered:
        _registered.append(True)
        os.register_at_fork(after_in_child=abandon)


_registered: List[bool] = []


def _gate(signum: int) -> bool:
    held: bool = sys.modules["meshrun.hook"].gate(signum)
    return held


def _leave() -> bool:
    served: bool = sys.modules["meshrun.hook"].leave()
    return served
