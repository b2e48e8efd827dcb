"""hypercorn's WebSockets, over HTTP/1 or HTTP/2: while the instance drains, each is closed by 1012.

hypercorn has no close of its own: it cuts them at its end. Here the client is asked to close; the application reads
what it reads whenever a client closes, and may go on sending until then. A client that does not answer soon counts as
one that did.
"""

from __future__ import annotations

from typing import Any

from meshrun import hook

from ._trio import running_loop

LIBRARY = "hypercorn"
SUPPORTED = (">=0.14", "<0.19")
VERSION = ("hypercorn", None)
SEAMS = ("hypercorn.protocol.ws_stream:WSStream.app_send",)
_SERVICE_RESTART = 1012
_ANSWER_SECONDS = 1.0


@hook.guarded()
async def _close(stream: Any) -> None:
    from hypercorn.protocol.events import Data, StreamClosed  # type: ignore[import-not-found, unused-ignore]
    from wsproto.connection import ConnectionState
    from wsproto.events import CloseConnection

    if stream.closed or stream.connection.state is not ConnectionState.OPEN:
        return
    data = stream.connection.send(CloseConnection(code=_SERVICE_RESTART))
    await stream.send(Data(stream_id=stream.stream_id, data=data))
    await stream.context.sleep(_ANSWER_SECONDS)
    if not stream.closed:
        await stream.send(StreamClosed(stream_id=stream.stream_id))


@hook.guarded()
def _opened(stream: Any) -> None:
    if not stream.closed:
        stream.meshrun_ended = hook.lasting(lambda: stream.task_group.spawn(_close, stream), running_loop())


@hook.guarded()
def _ended(stream: Any) -> None:
    ended = getattr(stream, "meshrun_ended", None)
    if ended is not None:
        ended()


def _make_app_send(original: Any) -> Any:
    async def app_send(self: Any, message: Any) -> None:
        if message is None:  # the application has returned
            _ended(self)
        await original(self, message)
        if message is not None and message["type"] == "websocket.accept":
            _opened(self)

    return app_send


def _seams() -> Any:
    from hypercorn.protocol.ws_stream import WSStream  # type: ignore[import-not-found, unused-ignore]

    return ((WSStream, "app_send", _make_app_send),)


patch, unpatch = hook.seams(_seams)
