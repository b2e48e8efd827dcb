"""granian: its master knows the address, its forked workers serve; their sockets and protocols are written in Rust.

The workers have no class in Python, so what they call by name is wrapped: the application, and the last function before
the Rust part begins to serve. A worker that was forked while the seams were out stays as it is until it is replaced.
"""

from __future__ import annotations

import threading
from functools import wraps
from typing import Any, List, Optional, Tuple

from meshrun import hook

from ._granian_response import Response
from ._granian_websocket import websocket
from .uvicorn_h11 import inbound

LIBRARY = "granian"
SUPPORTED = (">=2.0", "<3")
VERSION = ("granian", "__version__")
SEAMS = (
    "granian.server.mp:MPServer._init_shared_socket",
    "granian.asgi:_callback_wrapper module function: the class of a worker is one of Rust",
    "granian.wsgi:_callback_wrapper as above",
    "granian._futures:_new_cbscheduler as above",
    "granian.server.mp:_asgi_call_wrap the same functions, as a worker calls them",
    "granian.server.mp:_wsgi_call_wrap as above",
    "granian.server.mp:_new_cbscheduler as above",
)
_TAUGHT = ("asgi", "asginl", "wsgi")
_COROUTINE = 0x80  # inspect.CO_COROUTINE

_current = threading.local()  # a WSGI request stays in one thread; a context variable could be seen by the app
_serving: List[bool] = []
"""Not empty: this process is a worker whose application was wrapped."""


@hook.guarded()
def _listening(server: Any) -> None:
    if server.interface.value not in _TAUGHT:
        return
    hook.forks()
    address, port = _bound(server)
    if port:
        hook.listening(address, port, "http", tls=bool(server.ssl_ctx[0]), keepalive=_keepalive(server))
        hook.keeps(server.workers)


def _bound(server: Any) -> Tuple[str, int]:
    """What the master bound, or will let each worker bind; port 0: a Unix socket, or a port of each worker's own."""
    if getattr(server, "bind_uds", None) is not None:
        return "", 0
    shared = getattr(server, "_sso", None)
    if shared is not None:
        name = shared.getsockname()
        return name[0], name[1]
    return server.bind_addr, server.bind_port


def _keepalive(server: Any) -> Optional[float]:
    """Seconds: hyper takes the head of the next request to begin with the end of the last response."""
    from granian.http import HTTP1Settings  # type: ignore[import-not-found, unused-ignore]

    settings = server.http1_settings or HTTP1Settings()
    return settings.header_read_timeout / 1000.0 if settings.keep_alive else None


def _make_init_shared_socket(original: Any) -> Any:
    def _init_shared_socket(self: Any) -> None:
        original(self)
        _listening(self)

    return _init_shared_socket


def _make_asgi_wrap(original: Any) -> Any:
    def _callback_wrapper(callback: Any, *args: Any, **kwargs: Any) -> Any:
        @wraps(callback)
        async def served(scope: Any, receive: Any, send: Any) -> Any:
            with inbound(scope) as request:
                lasting = websocket(scope, receive, send)
                if lasting is not None:
                    try:
                        return await callback(scope, lasting.receive, lasting.send)
                    finally:
                        lasting.ended()

                response = Response(request, scope, send)
                try:
                    return await callback(scope, receive, response.send)
                finally:
                    response.ended()

        _serving.append(True)
        return original(served, *args, **kwargs)

    return _callback_wrapper


def _host(address: str) -> str:
    """The address without the port that the first releases leave there: ``127.0.0.1:5``, ``[::1]:5``."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


@hook.guarded(default=hook.UNTOUCHED)
def _inbound(environ: Any) -> Any:
    headers = [(name[5:].replace("_", "-"), value) for name, value in environ.items() if name.startswith("HTTP_")]
    path = environ["PATH_INFO"]
    if environ["QUERY_STRING"]:
        path += "?" + environ["QUERY_STRING"]
    request = hook.inbound(headers, environ["REQUEST_METHOD"], path, _host(environ["REMOTE_ADDR"]))
    _current.request = request
    return request


@hook.guarded()
def _ended(response: Any) -> None:
    """End keep-alive in granian's object behind ``start_response``, which is read when the application has returned."""
    request = _current.request
    request.status(response.status)
    if request.closing:
        headers = [pair for pair in response.headers if pair[0].lower() != "connection"]
        response.headers = [*headers, ("Connection", "close"), *request.response_headers()]


def _make_wsgi_wrap(original: Any) -> Any:
    def _callback_wrapper(callback: Any, *args: Any, **kwargs: Any) -> Any:
        @wraps(callback)
        def called(environ: Any, start_response: Any) -> Any:
            answer = callback(environ, start_response)
            _ended(start_response)
            return answer

        runner = original(called, *args, **kwargs)

        @wraps(runner)
        def served(proto: Any, scope: Any) -> Any:
            with _inbound(scope):  # a streamed body is iterated in here too
                return runner(proto, scope)

        _serving.append(True)
        return served

    return _callback_wrapper


@hook.guarded()
def _begun(loop: Any, callback: Any) -> None:
    """A worker is about to serve; that of ASGI runs a loop as soon as it does."""
    if not _serving:
        return
    if callback.__code__.co_flags & _COROUTINE:
        loop.call_soon(hook.ready)
    else:
        hook.ready()


def _make_new_cbscheduler(original: Any) -> Any:
    def _new_cbscheduler(loop: Any, cb: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(loop, cb, *args, **kwargs)
        _begun(loop, cb)
        return made

    return _new_cbscheduler


def _seams() -> Any:
    from granian import _futures, asgi, wsgi  # type: ignore[import-not-found, unused-ignore]
    from granian.server import mp  # type: ignore[import-not-found, unused-ignore]

    return (
        (mp.MPServer, "_init_shared_socket", _make_init_shared_socket),
        (asgi, "_callback_wrapper", _make_asgi_wrap),
        (wsgi, "_callback_wrapper", _make_wsgi_wrap),
        (_futures, "_new_cbscheduler", _make_new_cbscheduler),
        (mp, "_asgi_call_wrap", lambda _: asgi._callback_wrapper),  # noqa: SLF001 -- the one that was put there above
        (mp, "_wsgi_call_wrap", lambda _: wsgi._callback_wrapper),  # noqa: SLF001 -- as above
        (mp, "_new_cbscheduler", lambda _: _futures._new_cbscheduler),  # noqa: SLF001 -- as above
    )


patch, unpatch = hook.seams(_seams)
