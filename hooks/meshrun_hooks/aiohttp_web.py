"""aiohttp.web: ready when a site has started; a request lasts until its response is written.

aiohttp answers each request in a task of its own (`RequestHandler._handle_request`), so nothing leaks into the next one
on the connection. `StreamResponse.prepare` writes the head; there keep-alive ends by the response's own `force_close`.
A WebSocket is closed as aiohttp's documentation closes those that are open at the end: from outside of its handler.
A stream of server-sent events is ended by its own writer, the only one that gets a `write` of ours; then its connection
is closed, and the handler sees what it sees where the client has gone. One that says nothing sees nothing of that, so
it is no request in flight any more after a moment.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Dict, Optional, Set

from meshrun import hook

from ._coroutines import ended_at_once

LIBRARY = "aiohttp"
SUPPORTED = (">=3.8", "<4")
VERSION = ("aiohttp", "__version__")
SERVES = True
SEAMS = (
    "aiohttp.web_runner:TCPSite.start",
    "aiohttp.web_runner:SockSite.start",
    "aiohttp.web_protocol:RequestHandler._handle_request",
    "aiohttp.web_response:StreamResponse.prepare",
    "aiohttp.web_ws:WebSocketResponse.prepare",
)
_SWITCHING = 101
_GOING_AWAY = 1001

_CURRENT: ContextVar[Any] = ContextVar("meshrun_aiohttp_request", default=None)
_LINGER_SECONDS = 1.0
"""How long a handler whose stream was ended counts as a request in flight."""
_streams: Dict[Any, Any] = {}
"""Requests whose responses are streams of events; what is to be called when their handlers have ended."""
_left: Set[Any] = set()
"""Those that count no more, although their handlers go on."""
_parting: Set[Any] = set()
"""Tasks that close a WebSocket; loops keep no task alive."""


@hook.guarded()
def _started(site: Any, thread: Optional[int] = None) -> None:
    # The names are private, but slots of the public base class of sites since 2.3.
    tls, keepalive = site._ssl_context is not None, _keepalive(site._runner.server)  # noqa: SLF001 - see above
    hook.bound(site._server.sockets, tls=tls, keepalive=keepalive, thread=thread)  # noqa: SLF001 - see above
    hook.ready()


def _keepalive(server: Any) -> float:
    """Seconds for which an idle connection is kept: what the runner was given, else the handler's own default."""
    from aiohttp.web_protocol import RequestHandler

    defaults = RequestHandler.__init__.__kwdefaults__ or {}
    given = server._kwargs.get("keepalive_timeout")  # noqa: SLF001 -- where the runner's arguments are kept
    return float(defaults.get("keepalive_timeout", 75.0) if given is None else given)


def _make_start(original: Any) -> Any:
    async def start(self: Any) -> None:
        await original(self)
        _started(self)

    return start


@hook.positional(default=hook.UNTOUCHED)
def _inbound(request: Any) -> Any:
    served = hook.inbound(request.raw_headers, request.method, request.raw_path, request.remote)
    _CURRENT.set(served)
    return served


@hook.positional()
def _outcome(served: Any, answer: Any) -> None:
    served.status(answer[0].status)  # (response, whether the client went away)


def _make_handle_request(original: Any) -> Any:
    async def _handle_request(self: Any, request: Any, start_time: Any, request_handler: Any) -> Any:
        served = _inbound(request)
        served.__enter__()
        try:
            answer = await original(self, request, start_time, request_handler)
            _outcome(served, answer)
            return answer
        finally:
            if served not in _streams or not _has_left(served):
                served.__exit__(None, None, None)

    return _handle_request


@hook.positional()
def _head(response: Any) -> None:
    served = _CURRENT.get()
    if served is None or not served.closing or response.prepared:
        return
    if response.status != _SWITCHING:
        response.force_close()
    for name, value in served.response_headers():
        response.headers[name] = value


@hook.guarded(default=False)
def _has_left(served: Any) -> bool:
    """The handler has ended; whether its request counts no more since a while."""
    _streams.pop(served)()
    left = served in _left
    _left.discard(served)
    return left


@hook.guarded()
def _leave(served: Any) -> None:
    if served in _streams:
        _left.add(served)
        served.__exit__(None, None, None)


@hook.positional()
def _begun(response: Any, request: Any, writer: Any) -> None:
    if "event-stream" not in response.headers.get("Content-Type", ""):
        return
    served = _CURRENT.get()
    if served is None or writer is None or served in _streams:
        return
    served.status(response.status)  # else told when the handler has ended, and the handler of a stream may never end
    events = served.events(list(response.headers.items()))
    if events is not None:
        _watch(events, request, writer, served)


def _watch(events: Any, request: Any, writer: Any, served: Any) -> None:
    loop, write, write_eof = request.task.get_loop(), writer.write, writer.write_eof

    async def write_events(chunk: Any, *args: Any, **kwargs: Any) -> None:
        last = events.sent(chunk)  # asked before, because the writer may wait when it has sent them
        await write(chunk, *args, **kwargs)
        if last:
            events.end()

    async def write_last(chunk: Any = b"") -> None:
        events.forget()
        await write_eof(chunk)

    def end() -> None:
        transport = request.transport
        if transport is None or transport.is_closing():
            return
        ended_at_once(write_eof())  # it waits, if at all, when it has sent the last chunk
        transport.close()
        loop.call_later(_LINGER_SECONDS, _leave, served)

    def done() -> None:
        events.forget()
        del writer.write, writer.write_eof  # they hold the writer

    writer.write, writer.write_eof = write_events, write_last
    _streams[served] = done
    events.watch(end, loop)


def _make_prepare(original: Any) -> Any:
    async def prepare(self: Any, request: Any) -> Any:
        _head(self)
        writer = await original(self, request)
        _begun(self, request, writer)
        return writer

    return prepare


@hook.guarded()
async def _part(socket: Any) -> None:
    await socket.close(code=_GOING_AWAY)


@hook.guarded()
def _opened(socket: Any, request: Any) -> None:
    loop = request.task.get_loop()

    def close() -> None:
        if not socket.closed:
            task = loop.create_task(_part(socket))
            _parting.add(task)
            task.add_done_callback(_parting.discard)

    ended = hook.lasting(close, loop)
    request.task.add_done_callback(lambda _: ended())  # of the connection, which is nothing else from now on


def _make_websocket_prepare(original: Any) -> Any:
    async def prepare(self: Any, request: Any) -> Any:
        again = self.prepared
        writer = await original(self, request)
        if not again:
            _opened(self, request)
        return writer

    return prepare


def _seams() -> Any:
    from aiohttp.web_protocol import RequestHandler
    from aiohttp.web_response import StreamResponse
    from aiohttp.web_runner import SockSite, TCPSite
    from aiohttp.web_ws import WebSocketResponse

    return (
        (TCPSite, "start", _make_start),
        (SockSite, "start", _make_start),
        (RequestHandler, "_handle_request", _make_handle_request),
        (StreamResponse, "prepare", _make_prepare),
        (WebSocketResponse, "prepare", _make_websocket_prepare),
    )


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Sites that began while the seam was out."""
    from aiohttp.web_runner import SockSite, TCPSite

    for site in hook.alive(TCPSite, SockSite):
        server = site._server  # noqa: SLF001 - see `_started`
        if server is not None and server.sockets:
            _started(site, hook.thread_of(server.get_loop()))
