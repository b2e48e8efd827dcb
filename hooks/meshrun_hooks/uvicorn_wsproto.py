"""uvicorn's WebSockets over `wsproto`: the same seam on another protocol."""

from __future__ import annotations

from typing import Any, Optional

from meshrun import hook

from .uvicorn_websockets import make_run_asgi

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = ("uvicorn.protocols.websockets.wsproto_impl:WSProtocol.run_asgi",)


def _accepted(protocol: Any) -> Optional[bool]:
    if protocol.close_sent or getattr(protocol, "response_started", False):
        return None
    return bool(protocol.handshake_complete)


def _seams() -> Any:
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

    return ((WSProtocol, "run_asgi", lambda original: make_run_asgi(original, _accepted)),)


patch, unpatch = hook.seams(_seams)
