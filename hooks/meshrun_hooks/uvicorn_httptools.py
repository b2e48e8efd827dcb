"""uvicorn over httptools: the same seams as over h11, on the cycle of its own."""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .uvicorn_h11 import make_run_asgi, make_send

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = (
    "uvicorn.protocols.http.httptools_impl:RequestResponseCycle.run_asgi",
    "uvicorn.protocols.http.httptools_impl:RequestResponseCycle.send",
)


def _seams() -> Any:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    return ((RequestResponseCycle, "run_asgi", make_run_asgi), (RequestResponseCycle, "send", make_send))


patch, unpatch = hook.seams(_seams)
