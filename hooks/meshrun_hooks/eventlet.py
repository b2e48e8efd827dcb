"""eventlet: a green thread works for the request in which it was spawned; each has a context of its own.

`GreenThread` stands behind ``spawn``, ``spawn_after`` and the pools, `_spawn_n` behind ``spawn_n`` and, once the
program is patched, behind threads.
"""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .concurrent_thread import make_init
from .gevent import follow

LIBRARY = "eventlet"
SUPPORTED = (">=0.35", "<1")
VERSION = ("eventlet", "__version__")
SEAMS = (
    "eventlet.greenthread:GreenThread.__init__",
    "eventlet.greenthread:_spawn_n module function: it makes a bare greenlet",
    "greenlet:greenlet.gr_context set on a greenlet before it begins",
)


@hook.guarded()
def _follow_later(greenlet: Any, token: Any) -> None:
    """Its function is handed to its ``run`` when it begins, and is known only then."""
    begin = greenlet.run

    def run(function: Any, *args: Any) -> Any:
        hook.enter(hook.inherited(token, LIBRARY, function, type(greenlet)))
        return begin(function, *args)

    greenlet.run = run


def _make_init(original: Any) -> Any:
    return make_init(original, _follow_later)


def _make_spawn_n(original: Any) -> Any:
    def _spawn_n(seconds: Any, func: Any, args: Any, kwargs: Any) -> Any:
        made = original(seconds, func, args, kwargs)
        token = hook.current()
        if token is not None:
            follow(made[1], token, LIBRARY, func)
        return made

    return _spawn_n


def _seams() -> Any:
    from eventlet import greenthread  # type: ignore[import-not-found, unused-ignore]

    hook.patches()
    return ((greenthread.GreenThread, "__init__", _make_init), (greenthread, "_spawn_n", _make_spawn_n))


patch, unpatch = hook.seams(_seams)
