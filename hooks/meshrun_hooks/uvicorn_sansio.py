"""uvicorn's WebSockets over the I/O-free part of `websockets`: the same seam on another protocol."""

from __future__ import annotations

from meshrun import hook

from .uvicorn_websockets import make_run_asgi

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = ("uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.run_asgi",)


def patch() -> None:
    """Put the seam in."""
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    hook.replace(WebSocketsSansIOProtocol, "run_asgi", make_run_asgi)


def unpatch() -> None:
    """Take the seam out."""
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    hook.restore(WebSocketsSansIOProtocol, "run_asgi")
