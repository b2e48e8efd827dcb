"""gevent's pool of native threads: a task works for the request that handed it in, the worker thread for none."""

from __future__ import annotations

from typing import Any

from meshrun import hook

LIBRARY = "gevent"
SUPPORTED = (">=21.1", "<27")
VERSION = ("gevent", "__version__")
SEAMS = ("gevent.threadpool:ThreadPool.spawn",)


def _make_spawn(original: Any) -> Any:
    def spawn(self: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        token = hook.current()
        follows = None if token is None else hook.inherited(token, LIBRARY, func)
        if follows is None:
            return original(self, func, *args, **kwargs)
        return original(self, hook.run, follows, func, args, kwargs)

    return spawn


def _seams() -> Any:
    from gevent.threadpool import ThreadPool  # type: ignore[import-untyped, import-not-found, unused-ignore]

    return ((ThreadPool, "spawn", _make_spawn),)


patch, unpatch = hook.seams(_seams)
