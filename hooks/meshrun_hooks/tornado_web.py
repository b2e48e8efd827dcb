"""tornado's handlers: the task of one request, or of a WebSocket, also when its client is gone before it ends."""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .tornado_connection import served

LIBRARY = "tornado"
SUPPORTED = (">=6.0", "<7")
VERSION = ("tornado", "version")
SEAMS = ("tornado.web:RequestHandler._execute",)


@hook.guarded(default=None)
def _held(handler: Any) -> Any:
    begun = served(handler.request.connection)
    if begun is not None:
        begun.users += 1
    return begun


def _make_execute(original: Any) -> Any:
    async def _execute(self: Any, transforms: Any, *args: Any, **kwargs: Any) -> None:
        begun = _held(self)
        try:
            await original(self, transforms, *args, **kwargs)
        finally:
            if begun is not None:
                begun.leave()

    return _execute


def _seams() -> Any:
    from tornado.web import RequestHandler  # type: ignore[import-not-found, unused-ignore]

    return ((RequestHandler, "_execute", _make_execute),)


patch, unpatch = hook.seams(_seams)
