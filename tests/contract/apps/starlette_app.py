"""The plain ASGI app, with the stream of events as Starlette's own response, which listens for its client's end."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator

from starlette.responses import StreamingResponse

from tests.contract.apps import asgi, state


async def pieces(told: state.Told) -> AsyncIterator[bytes]:
    """What the stream is made of."""
    try:
        for piece in told.pieces():
            yield piece
            await asyncio.sleep(told.pause)
    except (asyncio.CancelledError, GeneratorExit):
        told.note("cancelled")
        raise
    told.note("served")


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http" or scope["path"] != "/events":
        await asgi.application(scope, receive, send)
        return
    told = state.Told(scope["query_string"].decode())
    await StreamingResponse(pieces(told), media_type=told.kind)(scope, receive, send)
