"""Lets the main thread call a function of ours as soon as it runs Python code: it alone may set signal handlers.

By the interpreter's queue of pending calls, which has no door but the C API. Only a change of the mode, and a fork in
some Pythons, come here.
"""

from __future__ import annotations

from . import _guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List

_queue: List[Callable[[], object]] = []
_kept: List[Any] = []  # the one callback, which must live as long as the interpreter may call it


@_guard.guarded(default=False, where="main thread")
def soon(function: Callable[[], object]) -> bool:
    """Ask for ``function()``; False: there is no way here. It runs between two instructions, as a signal handler."""
    import ctypes  # noqa: PLC0415 -- 1 MiB, for what few processes ever need

    if not _kept:
        _kept.append(ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_called))
    _queue.append(_guard.guarded(where="main thread")(function))
    taken: int = ctypes.pythonapi.Py_AddPendingCall(_kept[0], None)
    return taken == 0


def _called(_: object) -> int:
    for _ in range(len(_queue)):  # what is asked for meanwhile is for the next time
        _queue.pop(0)()
    return 0
