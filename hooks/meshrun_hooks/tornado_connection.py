"""tornado's HTTP/1 connection: one object of its class is one request, read and answered in the connection's task.

The head is known in `_can_keep_alive`, which a server's connection asks once for each request, right after parsing. The
response is written when `_read_message` ends, or the client is gone; what the app started in between has the request in
its own copy of the context, and may hold it longer (`Served`). How a stream of server-sent events ends is said in
`_tornado_events`.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from meshrun import hook

from ._tornado_events import watched

LIBRARY = "tornado"
SUPPORTED = (">=6.0", "<7")
VERSION = ("tornado", "version")
SEAMS = (
    "tornado.http1connection:HTTP1Connection._can_keep_alive",
    "tornado.http1connection:HTTP1Connection._read_message",
    "tornado.http1connection:HTTP1Connection.write_headers",
)
_FIRST_FINAL = 200


class Served:
    """A request that is over when the last of its users is done with it: the connection, the app's handler."""

    __slots__ = ("ended", "request", "users")

    def __init__(self, request: Any) -> None:
        self.request = request
        self.users = 1
        self.ended: Optional[Callable[[], None]] = None
        """Of a stream of events: what is to be called once its connection is done with it."""

    @hook.guarded()
    def leave(self) -> None:
        """One of them is done, in its own task; a connection's task goes on with another request."""
        self.users -= 1
        if self.users:
            hook.enter(None)
        else:
            self.request.__exit__(None, None, None)


def served(connection: Any) -> Optional[Served]:
    """The request of a connection; None: it began before the seams came in, or has no head yet."""
    return getattr(connection, "meshrun", None)


@hook.guarded()
def _began(connection: Any, start_line: Any, headers: Any) -> None:
    address = getattr(connection.context, "address", None)  # of the socket: what a proxy says of it does not count
    peer: Optional[str] = address[0] if isinstance(address, tuple) else None
    request = hook.inbound(list(headers.get_all()), start_line.method, start_line.path, peer)
    connection.meshrun = Served(request)
    request.__enter__()


def _make_can_keep_alive(original: Any) -> Any:
    def _can_keep_alive(self: Any, start_line: Any, headers: Any) -> bool:
        _began(self, start_line, headers)
        answer: bool = original(self, start_line, headers)
        return answer

    return _can_keep_alive


def _make_read_message(original: Any) -> Any:
    async def _read_message(self: Any, delegate: Any) -> bool:
        try:
            answer: bool = await original(self, delegate)
            return answer
        finally:
            begun = served(self)
            if begun is not None:
                if begun.ended is not None:
                    begun.ended()
                begun.leave()

    return _read_message


@hook.guarded(default=None)
def _head(connection: Any, start_line: Any, headers: Any) -> Any:
    """The headers to send instead; None: the application's own."""
    begun = served(connection)
    if begun is None:
        return None
    request = begun.request
    request.status(start_line.code)
    if not request.closing or start_line.code < _FIRST_FINAL:
        return None
    connection._disconnect_on_finish = True  # noqa: SLF001 -- what makes tornado say `close`, and close
    more = request.response_headers()
    if not more:
        return None
    headers = headers.copy()
    for name, value in more:
        headers.add(name, value)
    return headers


@hook.guarded()
def _written(connection: Any, headers: Any, chunk: Any) -> None:
    """The head is on its way, with the first of the body."""
    begun = served(connection)
    if begun is None or begun.ended is not None:
        return
    if "event-stream" in str(headers.get("Content-Type")):
        begun.ended = watched(connection, begun.request, headers, chunk)


def _make_write_headers(original: Any) -> Any:
    def write_headers(self: Any, start_line: Any, headers: Any, chunk: Any = None) -> Any:
        answer = original(self, start_line, _head(self, start_line, headers) or headers, chunk)
        _written(self, headers, chunk)
        return answer

    return write_headers


def _seams() -> Any:
    from tornado.http1connection import HTTP1Connection  # type: ignore[import-not-found, unused-ignore]

    return (
        (HTTP1Connection, "_can_keep_alive", _make_can_keep_alive),
        (HTTP1Connection, "_read_message", _make_read_message),
        (HTTP1Connection, "write_headers", _make_write_headers),
    )


patch, unpatch = hook.seams(_seams)
