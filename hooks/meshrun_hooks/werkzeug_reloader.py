"""Werkzeug's reloader: the process that was started waits for a child that serves, and kills it when it is stopped."""

from __future__ import annotations

from typing import Any

from meshrun import hook

LIBRARY = "werkzeug"
SUPPORTED = (">=1.0", "<4")
VERSION = ("werkzeug", None)
SEAMS = ("werkzeug._reloader:ReloaderLoop.restart_with_reloader",)


def make_restart(original: Any) -> Any:
    """What waits for the child, and starts another as often as that ends to be reloaded."""

    def restart_with_reloader(*args: Any, **kwargs: Any) -> Any:
        hook.hands_on(True)
        try:
            return original(*args, **kwargs)
        finally:
            hook.hands_on(False)

    return restart_with_reloader


def _seams() -> Any:
    from werkzeug._reloader import ReloaderLoop

    return ((ReloaderLoop, "restart_with_reloader", make_restart),)


patch, unpatch = hook.seams(_seams)
