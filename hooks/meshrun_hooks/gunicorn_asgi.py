"""gunicorn's own ASGI worker: one request is one call of the protocol's handler, in a task that ends with the app's.

Whether the connection ends is asked when the head is written and, when the app has looked at the request, once more
after the body: it is decided once. An HTTP/2 connection is told nothing: gunicorn says GOAWAY when its worker ends.
How a stream of server-sent events ends over HTTP/1 is said in `_gunicorn_asgi_events`.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, Optional

from meshrun import hook

from ._gunicorn_asgi_events import watched
from .gunicorn_sync import began
from .uvicorn_h11 import parting

LIBRARY = "gunicorn"
SUPPORTED = (">=20.1", "<28")
VERSION = ("gunicorn", "__version__")
SEAMS = (
    "gunicorn.workers.gasgi:ASGIWorker.notify",
    "gunicorn.asgi.protocol:ASGIProtocol._handle_http_request",
    "gunicorn.asgi.protocol:ASGIProtocol._handle_http2_request",
    "gunicorn.asgi.protocol:ASGIProtocol._handle_websocket",
    "gunicorn.asgi.protocol:ASGIProtocol._will_close",
    "gunicorn.asgi.protocol:ASGIProtocol._send_response_start",
)


@hook.guarded()
def _serves(worker: Any) -> None:
    if worker.servers and not hasattr(worker, "meshrun"):
        worker.meshrun = True
        hook.ready()


def _make_notify(original: Any) -> Any:
    """What the worker calls once a second, for the first time when its sockets are watched."""

    def notify(self: Any) -> None:
        _serves(self)
        original(self)

    return notify


class _Served:
    """A request, and whether its connection ends with it; None: not asked yet."""

    __slots__ = ("closes", "ended", "request")

    def __init__(self, request: Any) -> None:
        self.request = request
        self.closes: Optional[bool] = None
        self.ended: Optional[Callable[[], None]] = None  # of a stream of events; called once it has


def _known(protocol: Any) -> Dict[int, _Served]:
    """The requests of a connection that go on, by the id of gunicorn's own; those have no room for ours."""
    known: Dict[int, _Served] = protocol.__dict__.setdefault("meshrun", {})
    return known


@hook.guarded(default=hook.UNTOUCHED)
def _inbound(protocol: Any, request: Any, peername: Any) -> Any:
    headers = getattr(request, "headers_bytes", None)
    peer: Optional[str] = peername[0] if isinstance(peername, tuple) else None
    served = hook.inbound(request.headers if headers is None else headers, request.method, request.uri, peer)
    _known(protocol)[id(request)] = _Served(served)
    return served


@hook.guarded()
def _ended(protocol: Any, request: Any) -> None:
    served = _known(protocol).pop(id(request), None)
    if served is not None and served.ended is not None:
        served.ended()


def _make_handle(original: Any) -> Any:
    async def _handle_http_request(self: Any, request: Any, sockname: Any, peername: Any, *complete: Any) -> Any:
        with _inbound(self, request, peername):
            try:
                return await original(self, request, sockname, peername, *complete)
            finally:
                _ended(self, request)

    return _handle_http_request


def _make_handle_http2(original: Any) -> Any:
    async def _handle_http2_request(self: Any, request: Any, h2_conn: Any, sockname: Any, peername: Any) -> Any:
        with _inbound(self, request, peername):
            try:
                return await original(self, request, h2_conn, sockname, peername)
            finally:
                _known(self).pop(id(request), None)

    return _handle_http2_request


def _make_handle_websocket(original: Any) -> Any:
    async def _handle_websocket(self: Any, request: Any, sockname: Any, peername: Any) -> Any:
        with _inbound(self, request, peername):
            return await original(self, request, sockname, peername)

    return _handle_websocket


@hook.guarded(default=False)
def _parts(protocol: Any, request: Any) -> bool:
    served = _known(protocol).get(id(request))
    if served is None:
        return False
    if served.closes is None:
        served.closes = served.request.closing
    return served.closes


def _make_will_close(original: Any) -> Any:
    def _will_close(self: Any, request: Any, response_requires_close: Any) -> Any:
        return _parts(self, request) or original(self, request, response_requires_close)

    return _will_close


@hook.guarded(default=None)
def _head(protocol: Any, status: int, headers: Any, request: Any) -> Any:
    """The headers to send instead; None: the application's own."""
    served = _known(protocol).get(id(request))
    if served is None:
        return None
    served.request.status(status)
    return parting(headers, served.request) if served.closes else None


@hook.guarded()
def _begun(protocol: Any, headers: Any, request: Any) -> None:
    served = _known(protocol).get(id(request))
    if served is not None:
        served.ended = watched(protocol, served.request, headers)


def _make_send_response_start(original: Any) -> Any:
    def _send_response_start(self: Any, status: Any, headers: Any, request: Any, close: Any = False) -> None:
        original(self, status, _head(self, status, headers, request) or headers, request, close)
        _begun(self, headers, request)

    return _send_response_start


def _seams() -> Iterator[Any]:
    from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from gunicorn.workers.gasgi import ASGIWorker  # type: ignore[import-not-found, import-untyped, unused-ignore]

    yield ASGIWorker, "notify", _make_notify
    yield ASGIProtocol, "_handle_http_request", _make_handle
    yield ASGIProtocol, "_handle_http2_request", _make_handle_http2
    yield ASGIProtocol, "_handle_websocket", _make_handle_websocket
    yield ASGIProtocol, "_will_close", _make_will_close
    yield ASGIProtocol, "_send_response_start", _make_send_response_start


patch, unpatch = hook.seams(_seams)


def running() -> None:
    """The worker of this process, if it is one."""
    from gunicorn.workers.gasgi import ASGIWorker

    began(ASGIWorker)
