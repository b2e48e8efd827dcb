"""gevent's door of a signal, `gevent.signal_handler`: libev takes it in C, and Python's table knows nothing of it.

Held or not is asked where the handler would run, in a greenlet of its own. Whoever sets a handler through Python takes
the signal away from libev, so where we do that for one that a program has there, `again` gives it back.
"""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .signal import STOPS

LIBRARY = "gevent"
SUPPORTED = (">=21.1", "<27")
VERSION = ("gevent", "__version__")
SEAMS = ("gevent.hub:signal.__init__", "gevent.hub:signal.handle")


def _make_init(original: Any) -> Any:
    def __init__(self: Any, signalnum: Any, handler: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - the seam
        original(self, signalnum, handler, *args, **kwargs)
        self.meshrun = signalnum

    return __init__


@hook.guarded(default=False)
def _held(door: Any) -> bool:
    signum = getattr(door, "meshrun", None)  # None: it was set before the seams came in
    return signum in STOPS and hook.gate(int(signum))


def _make_handle(original: Any) -> Any:
    def handle(self: Any) -> None:
        if not _held(self):
            original(self)

    return handle


def _seams() -> Any:
    from gevent.hub import signal  # type: ignore[import-untyped, import-not-found, unused-ignore]

    return ((signal, "__init__", _make_init), (signal, "handle", _make_handle))


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def again() -> None:
    """Let libev take its signals once more."""
    from gevent.hub import signal

    for door in hook.alive(signal):
        if door.watcher is not None and door.watcher.active:
            door.watcher.stop()
            door.watcher.start(door._start)  # noqa: SLF001 -- as its constructor does
