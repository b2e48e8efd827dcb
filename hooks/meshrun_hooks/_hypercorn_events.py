"""hypercorn's streams of server-sent events: while the instance drains, each ends as if the application had ended it.

The application reads what it reads where its client has gone, and what it sends then is dropped as it is there. Only
the object of such a stream gets a `send` and a `handle` of its own, as long as it lasts. No hook of its own:
`hypercorn_protocol` sees the head of each response.
"""

from __future__ import annotations

from typing import Any

from meshrun import hook

from ._trio import running_loop


async def _drop(_: Any) -> None:
    """What is sent behind the end."""


@hook.guarded()
async def _end(stream: Any, send: Any, connection: Any) -> None:
    from h11 import DONE, ConnectionClosed
    from hypercorn.protocol.events import EndBody, StreamClosed  # type: ignore[import-not-found, unused-ignore]

    await send(EndBody(stream_id=stream.stream_id))
    if connection is not None and connection.our_state is DONE:
        connection.send(ConnectionClosed())  # else hypercorn would keep it for another request
    await send(StreamClosed(stream_id=stream.stream_id))


class _Watched:
    """One such stream, between hypercorn's object and its protocol."""

    __slots__ = ("_connection", "_events", "_handle", "_send", "_stream")

    def __init__(self, stream: Any, events: Any, connection: Any) -> None:
        self._stream, self._events, self._connection = stream, events, connection
        self._send, self._handle = stream.send, stream.handle
        stream.send, stream.handle = self.send, self.handle
        events.watch(self.end, running_loop())

    async def send(self, event: Any) -> None:
        """The application's part of the response."""
        from hypercorn.protocol.events import Body, EndBody, StreamClosed  # type: ignore[import-not-found, unused-ignore]

        if type(event) is Body:
            last = self._events.sent(event.data)  # asked before, because sending waits when the bytes are on their way
            await self._send(event)
            if last:
                self._events.end()
            return
        if type(event) in {EndBody, StreamClosed}:
            self._done()
        await self._send(event)

    async def handle(self, event: Any) -> None:
        """What the protocol says."""
        from hypercorn.protocol.events import StreamClosed  # type: ignore[import-not-found, unused-ignore]

        if type(event) is StreamClosed:
            self._done()
        await self._handle(event)

    def _done(self) -> None:
        """The application has ended it, or its client has gone: the object is as it was."""
        self._events.forget()
        if vars(self._stream).pop("handle", None) is not None:
            self._stream.send = self._send

    def end(self) -> None:
        """The moment is there."""
        if "handle" in vars(self._stream):
            self._stream.task_group.spawn(_end, self._stream, self._send, self._connection)
            self._done()
            self._stream.send = _drop


@hook.guarded()
def look(stream: Any, request: Any, headers: Any, connection: Any = None) -> None:
    """The head of a response is about to be sent; the `request` knows its status.

    `connection`: that of h11, which ends together with the stream; None: the connection has other streams.
    """
    if stream.scope["type"] == "http":
        events = request.events(headers)
        if events is not None:
            _Watched(stream, events, connection)
