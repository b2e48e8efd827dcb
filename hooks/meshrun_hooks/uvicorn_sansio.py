"""uvicorn's WebSockets over the I/O-free part of `websockets`: the same seam on another protocol."""

from __future__ import annotations

from typing import Any, Optional

from meshrun import hook

from .uvicorn_websockets import make_run_asgi

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = ("uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.run_asgi",)


def _accepted(protocol: Any) -> Optional[bool]:
    if protocol.close_sent or protocol.initial_response is not None:
        return None
    return bool(protocol.handshake_complete)


def _seams() -> Any:
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    return ((WebSocketsSansIOProtocol, "run_asgi", lambda original: make_run_asgi(original, _accepted)),)


patch, unpatch = hook.seams(_seams)
