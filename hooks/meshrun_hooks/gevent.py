"""gevent: a greenlet works for the request in which it was started; each has a context of its own, which begins empty.

`Greenlet` is written in C, so the seam is the callback that gevent offers for every start of one: pools,
``spawn_later`` and, once the program is patched, threads go through it. Raw greenlets have no such door.
"""

from __future__ import annotations

from typing import Any

from meshrun import hook

LIBRARY = "gevent"
SUPPORTED = (">=21.1", "<27")
VERSION = ("gevent", "__version__")
SEAMS = (
    "gevent.greenlet:Greenlet.add_spawn_callback called, not replaced: what it keeps is called at every start",
    "gevent.greenlet:Greenlet.remove_spawn_callback as above",
    "greenlet:greenlet.gr_context set on a greenlet before it begins",
    "gevent.hub:spawn_raw module function: there is no class behind it",
    "gevent:spawn_raw the same under its public name",
)


@hook.guarded()
def follow(greenlet: Any, token: Any, library: str, function: Any = None) -> None:
    """Give a greenlet that has not begun a context with what follows into it; one that has a context keeps it.

    `function`: what it will run; None: the greenlet says so itself.
    """
    if greenlet.gr_context is not None:
        return
    runs = getattr(greenlet, "_run", None) if function is None else function
    follows = hook.inherited(token, library, runs, type(greenlet))
    if follows is not None:
        greenlet.gr_context = hook.context(follows)


def _spawned(greenlet: Any) -> None:
    token = hook.current()
    if token is not None:
        follow(greenlet, token, LIBRARY)


def _make_spawn_raw(original: Any) -> Any:
    def spawn_raw(function: Any, *args: Any, **kwargs: Any) -> Any:
        greenlet = original(function, *args, **kwargs)
        token = hook.current()
        if token is not None:
            follow(greenlet, token, LIBRARY, function)
        return greenlet

    return spawn_raw


def _seams() -> Any:
    import gevent.hub  # type: ignore[import-untyped, import-not-found, unused-ignore]

    return ((gevent.hub, "spawn_raw", _make_spawn_raw), (gevent, "spawn_raw", _make_spawn_raw))


_patch_raw, _unpatch_raw = hook.seams(_seams)


def patch() -> None:
    """Hear of every start of a greenlet."""
    from gevent.greenlet import Greenlet  # type: ignore[import-untyped, import-not-found, unused-ignore]

    hook.patches()
    _patch_raw()
    Greenlet.add_spawn_callback(_spawned)


def unpatch() -> None:
    """Hear of none any more."""
    from gevent.greenlet import Greenlet  # type: ignore[import-untyped, import-not-found, unused-ignore]

    Greenlet.remove_spawn_callback(_spawned)
    _unpatch_raw()
