"""`signal`: stop signals pass the gate before the app's own handler; the app reads back what it set.

Handlers that the app sets to SIG_DFL or SIG_IGN go through untouched, and so does every signal that stops nothing.
Only the main thread may set handlers. Where ours stand when the seams are to go out, and another thread says so, the
seams stay, and change nothing but what the app reads back, until the main thread runs Python code again.
"""

from __future__ import annotations

from meshrun import hook

TYPE_CHECKING = False
if TYPE_CHECKING:  # nearly every program imports `signal`, and few of them `typing`
    from typing import Any, Callable, List, Optional

LIBRARY = "signal"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a module of the standard library
SEAMS = (
    "signal:signal module functions: there is no class behind them",
    "signal:getsignal as above",
)
STOPS = (15, 2, 3)
"""TERM, INT, QUIT: what passes the gate, at this door and at those of asyncio and gevent."""
_leaving: List[bool] = []
"""Not empty: the seams are to go out."""


class _Gated:
    """Stands in the interpreter's table for a handler of the app."""

    __slots__ = ("meshrun_handler",)

    def __init__(self, handler: Callable[[int, Any], Any]) -> None:
        self.meshrun_handler = handler

    def __call__(self, signum: int, frame: Any) -> None:
        """Run the app's handler, unless the signal is held."""
        if not hook.gate(signum):
            self.meshrun_handler(signum, frame)


@hook.guarded(default=None)
def _gated(signum: Any, handler: Any) -> Optional[_Gated]:
    return _Gated(handler) if signum in STOPS and callable(handler) else None


def _shown(handler: Any) -> Any:
    """The app's handler behind ours. Only the type is asked: a handler of the app may answer to any name."""
    if not hasattr(type(handler), "meshrun_handler"):
        return handler
    behind = handler.meshrun_handler
    if isinstance(behind, int):
        from signal import Handlers

        return Handlers(behind)
    return behind


def _make_signal(original: Any) -> Any:
    def signal(signalnum: Any, handler: Any) -> Any:
        if _leaving and _left():
            return original(signalnum, handler)
        return _shown(original(signalnum, _gated(signalnum, handler) or handler))

    return signal


def _make_getsignal(original: Any) -> Any:
    def getsignal(signalnum: Any) -> Any:
        if _leaving and _left():
            return original(signalnum)
        return _shown(original(signalnum))

    return getsignal


def _seams() -> Any:
    import signal

    return ((signal, "signal", _make_signal), (signal, "getsignal", _make_getsignal))


_put_in, _take_out = hook.seams(_seams)


def patch() -> None:
    """Put the seams in; also takes back that they are to go out."""
    _leaving.clear()
    _put_in()


def unpatch() -> bool:
    """Take them out, or let the main thread do so. False: a signal is held, whose handler must be there at the end."""
    if hook.holds():
        return False
    _leaving.append(True)
    if not _left():
        hook.ask_main_thread(_left)
    return True


@hook.guarded(default=False)
def _left() -> bool:
    """Put the app's own handlers back, and take the seams out; False: this is not the main thread."""
    if not _leaving or hook.holds():  # the mode changed back meanwhile, or a signal came
        return False
    from _signal import getsignal, signal  # type: ignore[import-not-found]  # the bare functions

    for signum in STOPS:
        handler = getsignal(signum)
        if hasattr(type(handler), "meshrun_handler"):
            try:
                signal(signum, handler.meshrun_handler)
            except ValueError:  # how it says that this is another thread
                return False
    _leaving.clear()
    _take_out()
    return True
