"""uvicorn's WebSockets over `wsproto`: the same seam on another protocol."""

from __future__ import annotations

from meshrun import hook

from .uvicorn_websockets import make_run_asgi

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = ("uvicorn.protocols.websockets.wsproto_impl:WSProtocol.run_asgi",)


def patch() -> None:
    """Put the seam in."""
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

    hook.replace(WSProtocol, "run_asgi", make_run_asgi)


def unpatch() -> None:
    """Take the seam out."""
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

    hook.restore(WSProtocol, "run_asgi")
