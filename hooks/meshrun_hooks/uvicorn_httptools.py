"""uvicorn over httptools: the same seams as over h11, on the cycle of its own."""

from __future__ import annotations

from meshrun import hook

from .uvicorn_h11 import make_run_asgi, make_send

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = (
    "uvicorn.protocols.http.httptools_impl:RequestResponseCycle.run_asgi",
    "uvicorn.protocols.http.httptools_impl:RequestResponseCycle.send",
)


def patch() -> None:
    """Put the seams in."""
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    hook.replace(RequestResponseCycle, "run_asgi", make_run_asgi)
    hook.replace(RequestResponseCycle, "send", make_send)


def unpatch() -> None:
    """Take the seams out."""
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    hook.restore(RequestResponseCycle, "run_asgi")
    hook.restore(RequestResponseCycle, "send")
