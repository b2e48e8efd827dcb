"""The WebSockets of gunicorn's own ASGI worker: while the instance drains, each is closed by 1012.

gunicorn has no close of its own: it waits for them at its end, and then cuts them. Here one is closed as when its
application does so from outside of its handler, but for the time that a client has for its answer: the application
reads the code that the client sends back.
"""

from __future__ import annotations

from typing import Any, Callable

from meshrun import hook

LIBRARY = "gunicorn"
SUPPORTED = (">=20.1", "<28")
VERSION = ("gunicorn", "__version__")
SEAMS = ("gunicorn.asgi.websocket:WebSocketProtocol.run",)
_SERVICE_RESTART = 1012
_ANSWER_SECONDS = 1.0
_AGAIN_SECONDS = 0.1


@hook.guarded()
async def _close(protocol: Any) -> None:
    from asyncio import TimeoutError as Late
    from asyncio import wait_for

    await protocol._send_close(_SERVICE_RESTART)  # noqa: SLF001 -- the public way waits for five seconds
    try:
        await wait_for(protocol._close_event.wait(), _ANSWER_SECONDS)  # noqa: SLF001 -- as above
    except Late:
        protocol.closed = True
    protocol.transport.close()


def _closer(protocol: Any, loop: Any) -> Callable[[], None]:
    """What ends a WebSocket."""
    tasks = []  # a loop keeps no task alive by itself

    def close() -> None:
        if protocol.closed or protocol.transport.is_closing():
            return
        if not protocol.accepted:  # a close would refuse it
            loop.call_later(_AGAIN_SECONDS, guarded)
        elif not protocol._close_sent:  # noqa: SLF001 -- else it ends already
            tasks.append(loop.create_task(_close(protocol)))

    guarded: Callable[[], None] = hook.guarded()(close)
    return guarded


@hook.guarded(default=None)
def _opened(protocol: Any) -> Any:
    from asyncio import get_running_loop

    loop = get_running_loop()
    return hook.lasting(_closer(protocol, loop), loop)


def _make_run(original: Any) -> Any:
    async def run(self: Any) -> None:
        ended = _opened(self)
        try:
            await original(self)
        finally:
            if ended is not None:
                ended()

    return run


def _seams() -> Any:
    from gunicorn.asgi.websocket import WebSocketProtocol  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return ((WebSocketProtocol, "run", _make_run),)


patch, unpatch = hook.seams(_seams)
