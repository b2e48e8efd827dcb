"""hypercorn's task of one request or WebSocket, over any of its protocols, with the answer to an error of the app.

A WSGI app runs in a thread of the loop's executor, its whole body included, and there works for the same request.
"""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .uvicorn_h11 import inbound

LIBRARY = "hypercorn"
SUPPORTED = (">=0.14", "<0.19")
VERSION = ("hypercorn", None)
SEAMS = ("hypercorn.asyncio.task_group:_handle module function: the body of the task, which belongs to no class",)


@hook.guarded()
def _known(request: Any, send: Any) -> None:
    """Let the protocol, which writes the head of the response, find the request on hypercorn's stream."""
    send.__self__.meshrun = request


def _spawning(sync_spawn: Any) -> Any:
    """`sync_spawn`, by which a WSGI app gets its thread, with the request current there."""
    token = hook.current()
    if token is None:
        return sync_spawn

    def spawn(function: Any, *args: Any) -> Any:
        return sync_spawn(hook.run, token, function, args)

    return spawn


def make_handle(original: Any) -> Any:
    """The body of the task."""

    async def _handle(app: Any, config: Any, scope: Any, receive: Any, send: Any, sync_spawn: Any, *more: Any) -> None:
        with inbound(scope) as request:
            _known(request, send)
            await original(app, config, scope, receive, send, _spawning(sync_spawn), *more)

    return _handle


def _seams() -> Any:
    from hypercorn.asyncio import task_group  # type: ignore[import-not-found, unused-ignore]

    return ((task_group, "_handle", make_handle),)


patch, unpatch = hook.seams(_seams)
