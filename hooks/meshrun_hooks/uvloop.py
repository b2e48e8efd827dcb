"""uvloop: the same second door of a signal as asyncio's own loop, on `uvloop.Loop`, which is a Python class."""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .asyncio import make_add_signal_handler

LIBRARY = "uvloop"
SUPPORTED = (">=0.14", "<1")
VERSION = ("uvloop", "__version__")
SEAMS = ("uvloop:Loop.add_signal_handler",)


def _seams() -> Any:
    import uvloop

    return ((uvloop.Loop, "add_signal_handler", make_add_signal_handler),)


patch, unpatch = hook.seams(_seams)
