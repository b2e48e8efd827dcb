"""hypercorn's protocols: the head of each response, and how a connection ends while the instance drains.

HTTP/1.1 says `Connection: close` and hypercorn closes by itself. HTTP/2 sends GOAWAY with the last stream that was
answered, when no stream is open and none came for a moment: a client that still reads an answer may take GOAWAY for
its failure (httpcore 1.0 does). What arrives after that is not read, so that a client may safely send it elsewhere.
"""

from __future__ import annotations

from typing import Any

from meshrun import hook

from ._hypercorn_events import look
from .uvicorn_h11 import added, parting

LIBRARY = "hypercorn"
SUPPORTED = (">=0.14", "<0.19")
VERSION = ("hypercorn", None)
SEAMS = (
    "hypercorn.protocol.h11:H11Protocol.stream_send",
    "hypercorn.protocol.h2:H2Protocol.stream_send",
    "hypercorn.protocol.h2:H2Protocol.handle",
)
_FIRST_FINAL = 200
_IDLE_SECONDS = 0.25


@hook.guarded(default=None)
def _head(stream: Any, event: Any, connection: Any = None) -> Any:
    """The event to send instead; None: hypercorn's own. `connection`: that of h11."""
    request = getattr(stream, "meshrun", None)
    if request is None:
        return None
    request.status(event.status_code)
    look(stream, request, event.headers, connection)
    if not request.closing or event.status_code < _FIRST_FINAL:
        return None
    headers = parting(event.headers, request) if connection else [*event.headers, *added(request)]
    return type(event)(stream_id=event.stream_id, headers=headers, status_code=event.status_code)


def _make_h11_stream_send(original: Any) -> Any:
    from hypercorn.protocol.events import Response  # type: ignore[import-not-found, unused-ignore]

    async def stream_send(self: Any, event: Any) -> None:
        if type(event) is Response:
            event = _head(self.stream, event, self.connection) or event
        await original(self, event)

    return stream_send


@hook.guarded(default=False)
def _leaving(protocol: Any, request: Any) -> bool:
    """Whether an HTTP/2 connection has nothing to do and may be left."""
    left = getattr(protocol, "meshrun_left", False)
    return not left and request is not None and request.closing and not protocol.streams and not protocol.closed


@hook.guarded()
async def _leave(protocol: Any, request: Any, served: int) -> None:
    await protocol.context.sleep(_IDLE_SECONDS)
    if _leaving(protocol, request) and served == protocol.connection.highest_inbound_stream_id:
        protocol.connection.close_connection()
        protocol.meshrun_left = True
        await protocol._flush()  # noqa: SLF001 -- what every method of the class ends with


@hook.guarded()
def _ended(protocol: Any, request: Any) -> None:
    """A stream was closed."""
    if _leaving(protocol, request):
        protocol.task_group.spawn(_leave, protocol, request, protocol.connection.highest_inbound_stream_id)


def _make_h2_stream_send(original: Any) -> Any:
    from hypercorn.protocol.events import Response, StreamClosed  # type: ignore[import-not-found, unused-ignore]

    async def stream_send(self: Any, event: Any) -> None:
        stream = self.streams.get(event.stream_id)
        request = getattr(stream, "meshrun", None)
        if type(event) is Response:
            event = _head(stream, event) or event
        await original(self, event)
        if type(event) is StreamClosed:
            _ended(self, request)

    return stream_send


def _make_h2_handle(original: Any) -> Any:
    from hypercorn.events import RawData  # type: ignore[import-not-found, unused-ignore]

    async def handle(self: Any, event: Any) -> None:
        if type(event) is not RawData or not getattr(self, "meshrun_left", False):
            await original(self, event)

    return handle


def _seams() -> Any:
    from hypercorn.protocol.h2 import H2Protocol  # type: ignore[import-not-found, unused-ignore]
    from hypercorn.protocol.h11 import H11Protocol  # type: ignore[import-not-found, unused-ignore]

    return (
        (H11Protocol, "stream_send", _make_h11_stream_send),
        (H2Protocol, "stream_send", _make_h2_stream_send),
        (H2Protocol, "handle", _make_h2_handle),
    )


patch, unpatch = hook.seams(_seams)
