"""The gate of stop signals: which are held for a drain and which pass, and a handler for servers that have none.

It runs inside a signal handler, between any two instructions of the app: it takes no lock, does no I/O but for a look
at the terminal, and leaves all work to the drain's thread.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` is hooked: here its bare functions are wanted
import os
import sys
from typing import Any, Callable

from .drain import Drain
from .processes import foreground

_kill = os.kill


class Gate:
    """Decides each stop signal that reaches this process."""

    def __init__(self, drain: Drain, holds: Callable[[], bool]) -> None:
        self._drain = drain
        self._holds = holds

    def __call__(self, signum: int, *, echo: bool = False) -> bool:
        """True: the signal is held; the drain delivers it later. False: the app's own handler runs now.

        `echo`: an event loop's second report of a signal whose Python handler ran before; it is never a new signal.
        """
        if self._drain.passed:
            return False
        if signum == _signal.SIGQUIT or (signum == _signal.SIGINT and foreground()) or not self._holds():
            self._drain.at_once()
            return False
        return self._drain.signalled(signum, echo=echo)


def adopt(gate: Callable[[int], bool]) -> None:
    """Give a server without handlers ours, so that its signals can be held; only in the main thread.

    What the program reads back stays the default: the hook of `signal` answers what `meshrun_handler` says. SIGINT at a
    terminal keeps the interpreter's own handler, whose traceback a person reads.
    """
    if _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGTERM, _Adopted(gate, _signal.SIG_DFL))
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler and not foreground():
        _signal.signal(_signal.SIGINT, _Adopted(gate, _signal.default_int_handler))


def gate_what_stands() -> None:
    """Let the handlers that the program set while `signal.signal` was bare pass the gate; only in the main thread."""
    module = sys.modules.get("signal")
    if module is None:
        return
    for signum in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGQUIT):
        handler = _signal.getsignal(signum)
        ours = hasattr(type(handler), "meshrun_handler")
        if callable(handler) and not ours and handler is not _signal.default_int_handler:
            module.signal(signum, handler)  # by the hook's function, if that is in


def abandon() -> None:
    """In a forked child: back to the bare dispositions, so that a child in a long C call dies at once as it would."""
    for signum in (_signal.SIGTERM, _signal.SIGINT):
        handler = _signal.getsignal(signum)
        if isinstance(handler, _Adopted):
            _signal.signal(signum, handler.meshrun_handler)


class _Adopted:
    """Our handler where the program has none. `meshrun_handler` is what stands behind it, as the program knows it."""

    __slots__ = ("_gate", "meshrun_handler")  # on the type: that is how the hook of `signal` knows ours

    def __init__(self, gate: Callable[[int], bool], behind: Any) -> None:
        self._gate = gate
        self.meshrun_handler = behind

    def __call__(self, signum: int, frame: Any) -> None:
        if self._gate(signum):
            return
        behind = self.meshrun_handler
        if callable(behind):
            behind(signum, frame)
            return
        _signal.signal(signum, _signal.SIG_DFL)
        _kill(os.getpid(), signum)
        if os.getpid() == 1:  # the kernel gives PID 1 no default action: it would serve on until SIGKILL
            os._exit(128 + signum)
