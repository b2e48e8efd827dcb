"""tornado's streams of server-sent events: while the instance drains, each is ended between two of them.

Its connection, which is an object for this one response, gets a `write` and a `finish` of ours. The last chunk is
followed by the end of the socket, so the handler sees what it sees when its client has gone: `on_connection_close`, and
`StreamClosedError` from its next `flush`. No hook of its own: `tornado_connection` sees the head.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from meshrun import hook

_LAST_CHUNK = b"0\r\n\r\n"


def _refused() -> Any:
    """What tornado's own `write` answers when its client has gone."""
    from asyncio import get_running_loop

    from tornado.iostream import StreamClosedError  # type: ignore[import-not-found, unused-ignore]

    future = get_running_loop().create_future()
    future.set_exception(StreamClosedError())
    future.exception()  # else asyncio says that nobody looked at it
    return future


def _end(connection: Any) -> None:
    """Write the last chunk, and close the socket when it is sent."""
    stream = connection.stream
    chunked = connection._chunking_output  # noqa: SLF001 -- as the head said
    connection._chunking_output = False  # noqa: SLF001 -- else the handler's own end would write a last chunk too
    connection._disconnect_on_finish = True  # noqa: SLF001 -- and would keep the connection
    sent = stream.write(_LAST_CHUNK if chunked else b"")
    connection._pending_write = sent  # noqa: SLF001 -- what that end waits for
    sent.add_done_callback(lambda _: stream.close())


class _Stream:
    """One of them."""

    __slots__ = ("_connection", "_events", "_finish", "_over", "_write")

    def __init__(self, connection: Any, events: Any) -> None:
        self._connection = connection
        self._events = events
        self._over = False  # it was ended by us
        self._write = connection.write
        self._finish = connection.finish

    def write(self, chunk: Any) -> Any:
        """The connection's `write`."""
        if self._over:
            return _refused()
        answer = self._write(chunk)
        self.sent(chunk)
        return answer

    def sent(self, chunk: Any) -> None:
        """The connection has got `chunk`."""
        if self._events.sent(chunk):
            self._events.end()

    def finish(self) -> None:
        """The connection's `finish`."""
        self._events.forget()
        self._finish()

    def end(self) -> None:
        """Its moment has come."""
        self._events.forget()
        stream = self._connection.stream
        if not self._over and stream is not None and not stream.closed():
            self._over = True
            _end(self._connection)

    @hook.guarded()
    def ended(self) -> None:
        """The response is over; its socket is closed, or goes on with another connection object."""
        self._events.forget()
        del self._connection.write, self._connection.finish  # they hold the connection


def watched(connection: Any, request: Any, headers: Any, chunk: Any) -> Optional[Callable[[], None]]:
    """Follow the response to `request` if it begins a stream of events. Answers what to call when it has ended.

    `chunk`: of its body, what went out with the head.
    """
    events = request.events(list(headers.get_all()))
    if events is None:
        return None
    from asyncio import get_running_loop

    stream = _Stream(connection, events)
    events.watch(stream.end, get_running_loop())
    connection.write, connection.finish = stream.write, stream.finish
    if chunk:
        stream.sent(chunk)
    return stream.ended
