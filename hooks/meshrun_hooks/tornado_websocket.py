"""tornado's WebSockets: while the instance drains, each is closed by 1012, as the application itself would close it."""

from __future__ import annotations

from typing import Any, Callable, Optional

from meshrun import hook

LIBRARY = "tornado"
SUPPORTED = (">=6.0", "<7")
VERSION = ("tornado", "version")
SEAMS = ("tornado.websocket:WebSocketHandler.get",)
_SERVICE_RESTART = 1012


@hook.guarded(default=None)
def _opened(handler: Any) -> Optional[Callable[[], None]]:
    from asyncio import get_running_loop

    return hook.lasting(lambda: handler.close(_SERVICE_RESTART), get_running_loop())


def _make_get(original: Any) -> Any:
    async def get(self: Any, *args: Any, **kwargs: Any) -> None:
        ended = _opened(self)
        try:
            await original(self, *args, **kwargs)
        finally:
            if ended is not None:
                ended()

    return get


def _seams() -> Any:
    from tornado.websocket import WebSocketHandler  # type: ignore[import-not-found, unused-ignore]

    return ((WebSocketHandler, "get", _make_get),)


patch, unpatch = hook.seams(_seams)
