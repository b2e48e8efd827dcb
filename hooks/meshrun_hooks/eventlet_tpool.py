"""eventlet's pool of native threads: a task works for the request that handed it in, the worker thread for none."""

from __future__ import annotations

from typing import Any

from meshrun import hook

LIBRARY = "eventlet"
SUPPORTED = (">=0.35", "<1")
VERSION = ("eventlet", "__version__")
SEAMS = ("eventlet.tpool:execute module function: there is no class behind it",)


def _make_execute(original: Any) -> Any:
    def execute(meth: Any, *args: Any, **kwargs: Any) -> Any:
        token = hook.current()
        follows = None if token is None else hook.inherited(token, LIBRARY, meth)
        if follows is None:
            return original(meth, *args, **kwargs)
        return original(hook.run, follows, meth, args, kwargs)

    return execute


def _seams() -> Any:
    from eventlet import tpool  # type: ignore[import-not-found, unused-ignore]

    return ((tpool, "execute", _make_execute),)


patch, unpatch = hook.seams(_seams)
