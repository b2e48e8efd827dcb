"""uvicorn over h11: one request is one `RequestResponseCycle`, run in a task of its own.

The task holds the request until the application returns, so streamed bodies and background tasks are inside. The head
of the response goes through `send`, where the application's message is read and, while draining, replaced by a copy.
"""

from __future__ import annotations

from typing import Any, Iterable, List, Optional, Tuple

from meshrun import hook

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = (
    "uvicorn.protocols.http.h11_impl:RequestResponseCycle.run_asgi",
    "uvicorn.protocols.http.h11_impl:RequestResponseCycle.send",
)
_CLOSE = (b"connection", b"close")


@hook.guarded(default=hook.UNTOUCHED)
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


@hook.guarded(default=None)
def _head(cycle: Any, message: Any) -> Any:
    """The message to send instead; None: the application's own."""
    if message["type"] != "http.response.start":
        return None
    request = getattr(cycle, "meshrun", None)  # None: the request began before the seams came in
    if request is None:
        return None
    request.status(message["status"])
    if not request.closing:
        return None
    return dict(message, headers=parting(message.get("headers", ()), request))


def make_run_asgi(original: Any) -> Any:
    """The task of one request."""

    async def run_asgi(self: Any, app: Any) -> None:
        with inbound(self.scope) as request:
            self.meshrun = request
            await original(self, app)

    return run_asgi


def make_send(original: Any) -> Any:
    """What the application calls with each part of its response."""

    async def send(self: Any, message: Any) -> None:
        if not self.response_started:
            message = _head(self, message) or message
        await original(self, message)

    return send


def _seams() -> Any:
    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

    return ((RequestResponseCycle, "run_asgi", make_run_asgi), (RequestResponseCycle, "send", make_send))


patch, unpatch = hook.seams(_seams)
