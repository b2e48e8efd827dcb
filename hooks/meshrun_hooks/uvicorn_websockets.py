"""uvicorn's WebSockets over the `websockets` library: a connection keeps the colour of its handshake to its end.

While the instance drains it ends by `shutdown`, which uvicorn's server calls for each when it stops: the client reads
1012, and so does the application.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from meshrun import hook

from .uvicorn_h11 import inbound

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = ("uvicorn.protocols.websockets.websockets_impl:WebSocketProtocol.run_asgi",)
_AGAIN_SECONDS = 0.1


def closer(protocol: Any, accepted: Callable[[Any], Optional[bool]]) -> Callable[[], None]:
    """What ends a WebSocket. `accepted`: whether its handshake is complete; None: it was refused, or ends already."""

    def close() -> None:
        known = accepted(protocol)
        if known is None or protocol.transport.is_closing():
            return
        if not known:  # `shutdown` would answer the handshake by an error
            protocol.loop.call_later(_AGAIN_SECONDS, guarded)
            return
        protocol.shutdown()
        # The server ends it once more if the client has not read all by then, which some releases cannot.
        protocol.shutdown = protocol.transport.close

    guarded: Callable[[], None] = hook.guarded()(close)
    return guarded


def make_run_asgi(original: Any, accepted: Callable[[Any], Optional[bool]]) -> Any:
    """The task of one WebSocket."""

    async def run_asgi(self: Any) -> None:
        with inbound(self.scope):
            ended = hook.lasting(closer(self, accepted), self.loop)
            try:
                await original(self)
            finally:
                ended()

    return run_asgi


def _accepted(protocol: Any) -> Optional[bool]:
    if protocol.closed_event.is_set() or protocol.initial_response is not None:
        return None
    return bool(protocol.handshake_completed_event.is_set())


def _seams() -> Any:
    from uvicorn.protocols.websockets.websockets_impl import WebSocketProtocol

    return ((WebSocketProtocol, "run_asgi", lambda original: make_run_asgi(original, _accepted)),)


patch, unpatch = hook.seams(_seams)
