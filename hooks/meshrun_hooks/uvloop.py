"""uvloop: the same second door of a signal as asyncio's own loop, on `uvloop.Loop`, which is a Python class."""

from __future__ import annotations

from meshrun import hook

from .asyncio import make_add_signal_handler

LIBRARY = "uvloop"
SUPPORTED = (">=0.14", "<1")
VERSION = ("uvloop", "__version__")
SEAMS = ("uvloop:Loop.add_signal_handler",)


def patch() -> None:
    """Put the gate before callbacks that are added from here on."""
    import uvloop

    hook.replace(uvloop.Loop, "add_signal_handler", make_add_signal_handler)


def unpatch() -> None:
    """Put the method back."""
    import uvloop

    hook.restore(uvloop.Loop, "add_signal_handler")
