"""uvicorn's WebSockets over the `websockets` library: a connection keeps the colour of its handshake to its end."""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .uvicorn_h11 import inbound

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = ("uvicorn.protocols.websockets.websockets_impl:WebSocketProtocol.run_asgi",)


def make_run_asgi(original: Any) -> Any:
    """The task of one WebSocket."""

    async def run_asgi(self: Any) -> None:
        with inbound(self.scope):
            await original(self)

    return run_asgi


def _seams() -> Any:
    from uvicorn.protocols.websockets.websockets_impl import WebSocketProtocol

    return ((WebSocketProtocol, "run_asgi", make_run_asgi),)


patch, unpatch = hook.seams(_seams)
