"""wsgiref's server: an instance only where the operator named its port, for it mostly shows metrics beside a program.

Its requests are read in any case. They are those of Django's `runserver` too, which builds on it. With either a stream
of events ends as its connection does.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import Any, Callable, List, Optional

from meshrun import hook

from ._wsgi_events import follow, forget

LIBRARY = "wsgiref"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a module of the standard library
SEAMS = (
    "wsgiref.simple_server:WSGIServer.serve_forever",
    "wsgiref.simple_server:WSGIServer.handle_request",
    "wsgiref.simple_server:ServerHandler.run",
    "wsgiref.simple_server:ServerHandler.cleanup_headers",
)
_running: List[Any] = []
"""Those of the servers that count."""


@hook.guarded()
def begun(server: Any, thread: Optional[int] = None, *, named: bool = True) -> None:
    """A server begins its loop; `named`: it counts only if its port is named."""
    if server in _running or (named and not hook.named(server.server_address[1])):
        return
    _running.append(server)
    hook.bound([server.socket], tls=False, keepalive=None, thread=thread)
    hook.ready()


@hook.guarded()
def ended(server: Any) -> None:
    """Its loop is over."""
    if server in _running:
        _running.remove(server)
        if threading.current_thread() is threading.main_thread():
            hook.stopped()


def maker(begins: Callable[[Any], object]) -> Callable[[Any], Any]:
    """The maker of a seam `serve_forever`: `begins` is told of the server before its loop, and `ended` after it."""

    def make_serve_forever(original: Any) -> Any:
        def serve_forever(self: Any, poll_interval: float = 0.5) -> None:
            begins(self)
            try:
                original(self, poll_interval)
            finally:
                ended(self)

        return serve_forever

    return make_serve_forever


_make_serve_forever = maker(begun)


def _make_handle_request(original: Any) -> Any:
    def handle_request(self: Any) -> None:
        begun(self)  # and ends with the program
        original(self)

    return handle_request


@hook.guarded(default=hook.UNTOUCHED)
def _inbound(handler: Any) -> Any:
    asked = handler.request_handler
    address = asked.client_address
    peer: Optional[str] = address[0] if isinstance(address, tuple) else None
    handler.meshrun = request = hook.inbound(asked.headers.items(), asked.command, asked.path, peer)
    return request


@hook.guarded()
def _close(handler: Any) -> None:
    """A stream of events was ended: close its response, of which wsgiref has closed the iterable only."""
    if handler.status is not None:
        handler.result = None
        with suppress(OSError):
            handler.close()


def _make_run(original: Any) -> Any:
    def run(self: Any, application: Any) -> None:
        with _inbound(self):
            try:
                original(self, application)
            finally:
                if "meshrun_events" in vars(self):
                    forget(self)
                if "meshrun_ended" in vars(self):
                    _close(self)

    return run


def _last(handler: Any) -> None:
    handler.meshrun_ended = True  # and the connection ends, which is all that the client sees


@hook.guarded()
def _head(handler: Any) -> None:
    request = vars(handler).get("meshrun")
    if request is None:
        return
    request.status(int(handler.status[:3]))
    follow(handler, request, handler.headers.items(), partial(_last, handler))
    if request.closing:
        headers = handler.headers_class(handler.headers.items())  # the application's list may serve it once more
        for name, value in (("Connection", "close"), *request.response_headers()):
            headers[name] = value
        handler.headers = headers


def _make_cleanup_headers(original: Any) -> Any:
    def cleanup_headers(self: Any) -> None:
        _head(self)
        original(self)

    return cleanup_headers


def _seams() -> Any:
    from wsgiref.simple_server import ServerHandler, WSGIServer

    return (
        (WSGIServer, "serve_forever", _make_serve_forever),
        (WSGIServer, "handle_request", _make_handle_request),
        (ServerHandler, "run", _make_run),
        (ServerHandler, "cleanup_headers", _make_cleanup_headers),
    )


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Servers whose loop began while the seams were out."""
    from wsgiref.simple_server import WSGIServer

    for thread, server in hook.inside(WSGIServer.serve_forever):
        if type(server).__module__ != "django.core.servers.basehttp" and isinstance(server, WSGIServer):
            begun(server, thread)
