"""uvicorn's WebSockets over `wsproto`: the same seam on another protocol."""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .uvicorn_websockets import make_run_asgi

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = ("uvicorn.protocols.websockets.wsproto_impl:WSProtocol.run_asgi",)


def _seams() -> Any:
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

    return ((WSProtocol, "run_asgi", make_run_asgi),)


patch, unpatch = hook.seams(_seams)
