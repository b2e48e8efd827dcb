"""The gate of stop signals: which are held for a drain and which pass.

It runs inside a signal handler, between any two instructions of the app: it takes no lock, does no I/O but for a look
at the terminal, and leaves all work to the drain's thread.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` is hooked: here its bare functions are wanted
import sys
from typing import Callable, Tuple

from .._adopted import abandon as abandon  # noqa: PLC0414 - handlers, like the gate that they ask
from .._adopted import adopt as adopt  # noqa: PLC0414 - as above
from .._adopted import adopted as adopted  # noqa: PLC0414 - as above
from .._processes import foreground
from .drain import Drain


def at_once(signum: int) -> bool:
    """Whether a stop signal asks for an end without a drain: SIGQUIT, and Ctrl-C where a person sits."""
    return bool(signum == _signal.SIGQUIT or (signum == _signal.SIGINT and foreground()))


class Gate:
    """Decides each stop signal that reaches this process."""

    def __init__(self, drain: Drain, holds: Callable[[], bool]) -> None:
        self._drain = drain
        self._holds = holds
        self.ignored: Tuple[int, ...] = ()  # signals that the program has a handler for, which does nothing

    def __call__(self, signum: int, *, echo: bool = False) -> bool:
        """True: the signal is held; the drain delivers it later. False: the app's own handler runs now.

        `echo`: an event loop's second report of a signal whose Python handler ran before; it is never a new signal.
        """
        if self._drain.passed or signum in self.ignored:
            return False
        if at_once(signum) or not self._holds():
            self._drain.at_once()
            return False
        return self._drain.signalled(signum, echo=echo)


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
