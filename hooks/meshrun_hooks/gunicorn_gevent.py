"""gunicorn's gevent worker: as the sync worker, with a greenlet for each connection, and HTTP/2 (26 and later).

Its variant `gevent_pywsgi` serves by gevent's own server, whose hook sees the requests.
"""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .gunicorn_sync import began, inbound, make_handle_request, make_run

LIBRARY = "gunicorn"
SUPPORTED = (">=20.1", "<28")
VERSION = ("gunicorn", "__version__")
SEAMS = ("gunicorn.workers.ggevent:GeventWorker.run", "gunicorn.workers.ggevent:GeventWorker.handle_request")


def _make_handle_http2_request(original: Any) -> Any:
    def handle_http2_request(self: Any, listener: Any, req: Any, sock: Any, addr: Any, h2_conn: Any) -> Any:
        with inbound(req, addr):
            return original(self, listener, req, sock, addr, h2_conn)

    return handle_http2_request


def _seams() -> Any:
    from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

    seams = [(GeventWorker, "run", make_run), (GeventWorker, "handle_request", make_handle_request)]
    if hasattr(GeventWorker, "handle_http2_request"):
        seams.append((GeventWorker, "handle_http2_request", _make_handle_http2_request))
    return seams


patch, unpatch = hook.seams(_seams)


def running() -> None:
    """The worker of this process, if it is one."""
    from gunicorn.workers.ggevent import GeventWorker

    began(GeventWorker)
