"""`signal`: stop signals pass the gate before the app's own handler; the app reads back what it set.

Handlers that the app sets to SIG_DFL or SIG_IGN go through untouched, and so does every signal that stops nothing.
"""

from __future__ import annotations

from meshrun import hook

TYPE_CHECKING = False
if TYPE_CHECKING:  # nearly every program imports `signal`, and few of them `typing`
    from typing import Any, Callable, Optional

LIBRARY = "signal"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a module of the standard library
SEAMS = (
    "signal:signal module functions: there is no class behind them",
    "signal:getsignal as above",
)
STOPS = (15, 2, 3)  # TERM, INT, QUIT


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
        return _shown(original(signalnum, _gated(signalnum, handler) or handler))

    return signal


def _make_getsignal(original: Any) -> Any:
    def getsignal(signalnum: Any) -> Any:
        return _shown(original(signalnum))

    return getsignal


def _seams() -> Any:
    import signal

    return ((signal, "signal", _make_signal), (signal, "getsignal", _make_getsignal))


patch, unpatch = hook.seams(_seams)
