"""gunicorn's threaded worker: as the sync worker, and HTTP/2 streams where gunicorn has them (24 and later)."""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .gunicorn_response import Ended, unwatch
from .gunicorn_sync import began, inbound, make_run

LIBRARY = "gunicorn"
SUPPORTED = (">=20.1", "<28")
VERSION = ("gunicorn", "__version__")
SEAMS = ("gunicorn.workers.gthread:ThreadWorker.run", "gunicorn.workers.gthread:ThreadWorker.handle_request")


def _make_handle_request(original: Any) -> Any:
    def handle_request(self: Any, req: Any, conn: Any) -> Any:
        with inbound(req, conn.client):
            try:
                return original(self, req, conn)
            except Ended:
                return False  # the connection ends
            finally:
                if hasattr(req, "meshrun_stream"):
                    unwatch(req)

    return handle_request


def _make_handle_http2_request(original: Any) -> Any:
    def handle_http2_request(self: Any, req: Any, conn: Any, h2_conn: Any) -> Any:
        with inbound(req, conn.client):
            return original(self, req, conn, h2_conn)

    return handle_http2_request


def _seams() -> Any:
    from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

    seams = [(ThreadWorker, "run", make_run), (ThreadWorker, "handle_request", _make_handle_request)]
    if hasattr(ThreadWorker, "handle_http2_request"):
        seams.append((ThreadWorker, "handle_http2_request", _make_handle_http2_request))
    return seams


patch, unpatch = hook.seams(_seams)


def running() -> None:
    """The worker of this process, if it is one."""
    from gunicorn.workers.gthread import ThreadWorker

    began(ThreadWorker)
