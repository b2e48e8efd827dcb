"""`multiprocessing`'s own signals to its children: a server's worker acts on them at once, as it does without us."""

from __future__ import annotations

from meshrun import hook

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in the hook of `threading`
    from typing import Any

LIBRARY = "multiprocessing"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a package of the standard library
SEAMS = ("multiprocessing.popen_fork:Popen._send_signal",)  # that of spawned children inherits it


def _make_send_signal(original: Any) -> Any:
    def _send_signal(self: Any, sig: int) -> Any:
        hook.signals(self.pid)
        return original(self, sig)

    return _send_signal


def _seams() -> Any:
    from multiprocessing.popen_fork import Popen

    return ((Popen, "_send_signal", _make_send_signal),)


patch, unpatch = hook.seams(_seams)
