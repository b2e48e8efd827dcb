"""gevent's WSGI server: ready when its hub runs after it began to accept; a request lasts until its body is closed.

Each connection has a greenlet, which answers its requests one after the other in `handle_one_response`. While draining
the head says `close`, and gevent closes. The server keeps an idle connection without limit.
The end of a stream of events is to gevent a client that has gone: it closes the connection.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, Optional, Set

from meshrun import hook

from ._wsgi_events import follow, forget
from .gevent_signal import again
from .uvicorn_h11 import parting

LIBRARY = "gevent"
SUPPORTED = (">=21.1", "<27")
VERSION = ("gevent", "__version__")
SEAMS = (
    "gevent.baseserver:BaseServer.start",
    "gevent.baseserver:BaseServer.close",
    "gevent.pywsgi:WSGIHandler.handle_one_response",
    "gevent.pywsgi:WSGIHandler.finalize_headers",
)
_FIRST_FINAL = 200
_serving: Set[int] = set()
"""Servers of this process, by id, that listen."""


def _bound(server: Any, thread: Optional[int] = None) -> None:
    hook.bound([server.socket], tls=server.ssl_enabled, keepalive=None, thread=thread)
    _serving.add(id(server))


@hook.guarded()
def _started(server: Any) -> None:
    from gevent import Greenlet  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from gevent.pywsgi import WSGIServer  # type: ignore[import-untyped, import-not-found, unused-ignore]

    if isinstance(server, WSGIServer):
        _bound(server)
        if server.loop.default:  # that of the main thread
            again()
        Greenlet.spawn(hook.ready)


@hook.guarded()
def _closed(server: Any) -> None:
    if id(server) in _serving:
        _serving.discard(id(server))
        if not _serving:
            hook.stopped()


def _make_start(original: Any) -> Any:
    def start(self: Any) -> None:
        original(self)
        _started(self)

    return start


def _make_close(original: Any) -> Any:
    def close(self: Any) -> None:
        original(self)
        _closed(self)

    return close


@hook.guarded(default=hook.UNTOUCHED)
def _inbound(handler: Any) -> Any:
    address = handler.client_address
    peer: Optional[str] = address[0] if isinstance(address, tuple) else None
    handler.meshrun = request = hook.inbound(handler.headers.items(), handler.command, handler.path, peer)
    return request


def _make_handle_one_response(original: Any) -> Any:
    def handle_one_response(self: Any) -> None:
        with _inbound(self):
            try:
                original(self)
            finally:
                if "meshrun_events" in vars(self):
                    forget(self)

    return handle_one_response


def _last(handler: Any) -> None:
    if handler.response_use_chunked:
        handler._sendall(b"0\r\n\r\n")  # noqa: SLF001 - as gevent ends a response


@hook.guarded()
def _head(handler: Any) -> None:
    request = getattr(handler, "meshrun", None)  # None: the request began before the seams came in
    if request is None:
        return
    request.status(handler.code)
    follow(handler, request, handler.response_headers, partial(_last, handler))
    if request.closing and handler.code >= _FIRST_FINAL:
        handler.close_connection = True
        handler.response_headers = parting(handler.response_headers, request)  # gevent's own list, of bytes


def _make_finalize_headers(original: Any) -> Any:
    def finalize_headers(self: Any) -> None:
        original(self)
        _head(self)

    return finalize_headers


def _seams() -> Any:
    from gevent.baseserver import BaseServer  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from gevent.pywsgi import WSGIHandler

    return (
        (BaseServer, "start", _make_start),
        (BaseServer, "close", _make_close),
        (WSGIHandler, "handle_one_response", _make_handle_one_response),
        (WSGIHandler, "finalize_headers", _make_finalize_headers),
    )


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Servers that began while the seams were out."""
    from gevent.pywsgi import WSGIServer

    for server in hook.alive(WSGIServer):
        if server.started and not server.closed:
            _bound(server, threading.main_thread().ident if server.loop.default else -1)
            hook.ask_main_thread(again)
            hook.ready()
