"""asyncio's Unix loop: the second door of a signal. Its callback runs from the wake-up descriptor, beside the handler.

`add_signal_handler` sets a handler that does nothing through `signal.signal`, so one signal reaches the gate twice; the
callback is the echo.
"""

from __future__ import annotations

from meshrun import hook

from .signal import STOPS

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in the hook of `signal`
    from typing import Any

LIBRARY = "asyncio"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a package of the standard library
SEAMS = ("asyncio.unix_events:_UnixSelectorEventLoop.add_signal_handler",)


@hook.guarded(default=None)
def _gated(sig: Any, callback: Any) -> Any:
    """The callback behind the gate; None for signals that stop nothing and for what the loop will refuse."""
    if sig not in STOPS or not callable(callback):
        return None
    from inspect import iscoroutinefunction

    if iscoroutinefunction(callback):
        return None

    def gated(*args: Any) -> None:
        if not hook.gate(sig, echo=True):
            callback(*args)

    gated.__wrapped__ = callback  # type: ignore[attr-defined]  # the loop's debug messages name the app's function
    return gated


def make_add_signal_handler(original: Any) -> Any:
    """The seam, for every loop that has the method of asyncio's."""

    def add_signal_handler(self: Any, sig: Any, callback: Any, *args: Any) -> Any:
        return original(self, sig, _gated(sig, callback) or callback, *args)

    return add_signal_handler


def _seams() -> Any:
    from asyncio.unix_events import _UnixSelectorEventLoop

    return ((_UnixSelectorEventLoop, "add_signal_handler", make_add_signal_handler),)


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Loops whose callbacks were set while the seam was out: they pass the gate from now on."""
    from asyncio.unix_events import _UnixSelectorEventLoop

    for loop in hook.alive(_UnixSelectorEventLoop):
        for signum, handle in list(loop._signal_handlers.items()):  # noqa: SLF001 -- nobody else knows of them
            callback = handle._callback  # noqa: SLF001 -- as above
            gated = _gated(signum, callback)
            if gated is not None and getattr(callback, "__code__", None) is not gated.__code__:
                handle._callback = gated  # noqa: SLF001 -- as above
