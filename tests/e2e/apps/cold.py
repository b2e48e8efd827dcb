"""An app that is cold at first, as WSGI and ASGI: it notes who asked which of its processes, and when it was let in.

``/warm`` is one of those that warm it; ``/healthz`` answers 503 until the file ``healthy`` is there.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

FOLDER = Path(os.environ["COLD_FOLDER"])
TEXT = b"text/plain"


def answer(path: str, probe: Optional[str], host: str) -> int:
    """The status for a path, noted with the process, what its mark said, and the host that was asked for."""
    status = 200 if path != "/healthz" or (FOLDER / "healthy").exists() else 503
    with (FOLDER / "seen").open("a", encoding="utf-8") as notes:
        notes.write("%d %s %s %s %d\n" % (os.getpid(), path, probe or "-", host, status))
    time.sleep(float(os.environ.get("COLD_SECONDS", "0")))
    return status


def wsgi(environ: Dict[str, Any], start_response: Callable[..., Any]) -> List[bytes]:
    """The WSGI app."""
    status = answer(environ["PATH_INFO"], environ.get("HTTP_X_MESHRUN_PROBE"), environ.get("HTTP_HOST", ""))
    start_response("%d -" % status, [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI app."""
    if scope["type"] != "http":
        return
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    status = answer(scope["path"], headers.get("x-meshrun-probe"), headers.get("host", ""))
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", TEXT)]})
    await send({"type": "http.response.body", "body": b"ok"})
