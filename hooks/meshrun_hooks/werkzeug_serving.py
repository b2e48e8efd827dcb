"""Werkzeug's server, which is also that of `flask run`: ready when its loop begins.

Most releases close each connection, and say so; some keep those of HTTP/1.1. So while the instance drains our
`Connection: close` stands in the place of any that Werkzeug writes.
A stream of events gets a `wfile` of its own, whose `flush` comes behind each piece. The last one ends the body, and is
then to Werkzeug a client that has gone.
Under its reloader a child of the process that was started serves, in a side thread; the signals come to its main one.
"""

from __future__ import annotations

import threading
from typing import Any, List, Optional

from meshrun import hook

from ._wsgi_events import Ended

LIBRARY = "werkzeug"
SUPPORTED = (">=1.0", "<4")
VERSION = ("werkzeug", None)
SERVES = True
SEAMS = (
    "werkzeug.serving:BaseWSGIServer.serve_forever",
    "werkzeug.serving:WSGIRequestHandler.run_wsgi",
    "werkzeug.serving:WSGIRequestHandler.send_response",
    "werkzeug.serving:WSGIRequestHandler.send_header",
    "werkzeug.serving:WSGIRequestHandler.end_headers",
)
_FIRST_FINAL = 200
_KIND = b"text/event-stream"
_running: List[Any] = []


def _unfinished() -> int:
    """Children that were forked for a request each (`processes=...`)."""
    return sum(len(getattr(server, "active_children", None) or ()) for server in _running)


@hook.guarded()
def _begun(server: Any, thread: Optional[int] = None) -> None:
    from werkzeug.serving import is_running_from_reloader

    _running.append(server)
    if is_running_from_reloader() and thread is None:
        thread = threading.main_thread().ident
    hook.unfinished(_unfinished)
    hook.bound([server.socket], tls=server.ssl_context is not None, keepalive=None, thread=thread)
    hook.ready()


@hook.guarded()
def _ended(server: Any) -> None:
    _running.remove(server)
    if threading.current_thread() is threading.main_thread():
        hook.stopped()


def _make_serve_forever(original: Any) -> Any:
    def serve_forever(self: Any, *args: Any, **kwargs: Any) -> Any:
        _begun(self)
        try:
            return original(self, *args, **kwargs)
        finally:
            _ended(self)

    return serve_forever


@hook.guarded(default=hook.UNTOUCHED)
def _inbound(handler: Any) -> Any:
    if handler.server.multiprocess:
        hook.forks()  # this process was forked for one request, and ends without a word
    address = handler.client_address  # of a Unix socket a string, mostly empty
    peer: Optional[str] = address[0] if isinstance(address, tuple) else None
    request = hook.inbound(handler.headers.items(), handler.command, handler.path, peer)
    handler.meshrun = request
    return request


def _make_run_wsgi(original: Any) -> Any:
    def run_wsgi(self: Any) -> None:
        with _inbound(self):
            try:
                original(self)
            finally:
                if isinstance(self.wfile, _Stream):
                    _forget(self)

    return run_wsgi


class _Stream:
    """The file that the body of a stream of events is written to, piece by piece, each with a `flush` behind it."""

    def __init__(self, handler: Any, events: Any, *, chunked: bool) -> None:
        self.file = handler.wfile
        self.events = events
        self._handler = handler
        self._chunked = chunked
        self._written: List[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: Any) -> Any:
        """As the file's; what is written is kept for `flush`."""
        self._written.append(data)
        return self.file.write(data)

    def flush(self) -> None:
        """As the file's. Raises `Ended` where the stream ends behind what was written."""
        self.file.flush()
        data = b"".join(self._written)
        self._written.clear()
        if self._chunked:  # one chunk, or none for an empty piece
            data = data.partition(b"\r\n")[2][:-2]
        if self.events.sent(data):
            if self._chunked:
                self.file.write(b"0\r\n\r\n")
                self.file.flush()
            self._handler.close_connection = True
            raise Ended


@hook.guarded()
def _forget(handler: Any) -> None:
    """The response has ended, in whatever way."""
    stream = handler.wfile
    handler.wfile = stream.file
    stream.events.forget()


@hook.guarded(default=None)
def _events(handler: Any) -> Optional[_Stream]:
    """What follows the response if it begins a stream of events; its head is about to be sent."""
    found = vars(handler)
    request = found.get("meshrun")
    if request is None:
        return None
    head = b"".join(found.get("_headers_buffer", ()))  # of `http.server`
    if _KIND not in head.lower():
        return None
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n"))]
    events = request.events(headers)
    if events is None:
        return None
    return _Stream(handler, events, chunked=any(name.lower() == b"transfer-encoding" for name, _ in headers))


@hook.guarded()
def _watch(handler: Any, stream: _Stream) -> None:
    handler.wfile = stream
    stream.events.watch_thread()


def _make_end_headers(original: Any) -> Any:
    def end_headers(self: Any) -> None:
        stream = _events(self)
        original(self)
        if stream is not None:
            _watch(self, stream)

    return end_headers


@hook.guarded()
def _head(handler: Any, code: Any) -> None:
    request = vars(handler).get("meshrun")
    if request is None or int(code) < _FIRST_FINAL:
        return
    request.status(int(code))
    if request.closing:
        for name, value in (("Connection", "close"), *request.response_headers()):
            handler.send_header(name, value)
        handler.meshrun_closes = True


def _make_send_response(original: Any) -> Any:
    def send_response(self: Any, code: Any, message: Any = None) -> None:
        original(self, code, message)
        _head(self, code)

    return send_response


def _make_send_header(original: Any) -> Any:
    def send_header(self: Any, keyword: str, value: str) -> None:
        if "meshrun_closes" not in vars(self) or keyword.lower() != "connection":
            original(self, keyword, value)

    return send_header


def _seams() -> Any:
    from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler

    return (
        (BaseWSGIServer, "serve_forever", _make_serve_forever),
        (WSGIRequestHandler, "run_wsgi", _make_run_wsgi),
        (WSGIRequestHandler, "send_response", _make_send_response),
        (WSGIRequestHandler, "send_header", _make_send_header),
        (WSGIRequestHandler, "end_headers", _make_end_headers),
    )


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Servers whose loop began while the seams were out."""
    from werkzeug.serving import BaseWSGIServer

    for thread, server in hook.inside(BaseWSGIServer.serve_forever):
        _begun(server, thread)
