"""uvicorn over h11: one request is one `RequestResponseCycle`, run in a task of its own.

The task holds the request until the application returns, so streamed bodies and background tasks are inside. The head
of the response goes through `send`, where the application's message is read and, while draining, replaced by a copy.

A stream of server-sent events is ended there by the message that the application would end it with; then the request
is one whose client has gone, so that what the application sends is dropped.
"""

from __future__ import annotations

from typing import Any, Iterable, List, Optional, Tuple

from meshrun import hook

from ._coroutines import ended_at_once

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = (
    "uvicorn.protocols.http.h11_impl:RequestResponseCycle.run_asgi",
    "uvicorn.protocols.http.h11_impl:RequestResponseCycle.send",
)
_CLOSE = (b"connection", b"close")
LAST = {"type": "http.response.body", "body": b"", "more_body": False}
"""The message with which an application ends its response."""


@hook.positional(default=hook.UNTOUCHED)
def inbound(scope: Any) -> Any:
    """The context of one request or WebSocket, from its ASGI scope."""
    path: bytes = scope["raw_path"]
    if scope["query_string"]:
        path = path + b"?" + scope["query_string"]
    client = scope["client"]
    peer: Optional[str] = client[0] if client else None
    return hook.inbound(scope["headers"], scope.get("method", "GET"), path.decode("latin-1"), peer)


def added(request: Any) -> List[Tuple[bytes, bytes]]:
    """What the request adds to the head of its response, as ASGI has headers."""
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in request.response_headers()]


def parting(headers: Iterable[Any], request: Any, *, close: bool = True) -> List[Any]:
    """The headers of a response while the instance drains; `close`: keep-alive ends by a header, as in HTTP/1."""
    kept = [pair for pair in headers if pair[0].lower() != b"connection"]
    return [*kept, _CLOSE, *added(request)] if close else [*kept, *added(request)]


def _watched(cycle: Any, events: Any, send: Any) -> Any:
    from asyncio import get_event_loop

    loop = get_event_loop()

    def end() -> None:
        if cycle.disconnected or cycle.response_complete:
            return
        if cycle.flow.write_paused or not cycle.response_started:  # `send` would wait, or is about to go on
            events.close_later(loop)
            return
        cycle.keep_alive = False
        if ended_at_once(send(cycle, LAST)):  # it waits for nothing else
            cycle.disconnected = True

    events.watch(end, loop)
    return events


@hook.positional()
def _head(cycle: Any, message: Any, send: Any) -> Any:
    """The message to send instead; None: the application's own."""
    if message["type"] != "http.response.start":
        return None
    request = getattr(cycle, "meshrun", None)  # None: the request began before the seams came in
    if request is None:
        return None
    request.status(message["status"])
    events = request.events(message.get("headers", ()))
    if events is not None:
        cycle.meshrun_events = _watched(cycle, events, send)
    if not request.closing:
        return None
    return dict(message, headers=parting(message.get("headers", ()), request))


def make_run_asgi(original: Any) -> Any:
    """The task of one request."""

    async def run_asgi(self: Any, app: Any) -> None:
        with inbound(self.scope) as request:
            self.meshrun = request
            self.meshrun_events = None
            try:
                await original(self, app)
            finally:
                if self.meshrun_events is not None:
                    self.meshrun_events.forget()

    return run_asgi


def make_send(original: Any) -> Any:
    """What the application calls with each part of its response."""

    async def send(self: Any, message: Any) -> None:
        if not self.response_started:
            await original(self, _head(self, message, original) or message)
        else:
            await original(self, message)
            events = getattr(self, "meshrun_events", None)
            if events is not None and events.sent(message.get("body", b"")):
                events.end()

    return send


def _seams() -> Any:
    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

    return ((RequestResponseCycle, "run_asgi", make_run_asgi), (RequestResponseCycle, "send", make_send))


patch, unpatch = hook.seams(_seams)
