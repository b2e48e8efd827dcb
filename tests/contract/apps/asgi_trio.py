"""The plain ASGI app, which waits by trio."""

from __future__ import annotations

from typing import Any, List

import trio

from tests.contract.apps import asgi, state


async def events(scope: Any, receive: Any, send: Any) -> None:
    """A stream of events as the query describes it, until the client goes away."""
    told = state.Told(scope["query_string"].decode())
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", told.kind.encode())]})
    gone = trio.Event()
    seen: List[str] = []

    async def listen() -> None:
        seen.append((await receive())["type"])
        gone.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        for piece in told.pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            with trio.move_on_after(told.pause):
                await gone.wait()
            if seen:
                break
        told.note(seen[0] if seen else "served")
        await send({"type": "http.response.body"})
        nursery.cancel_scope.cancel()


asgi.asyncio = trio  # type: ignore[attr-defined]  # the rest of the app needs nothing of it but `sleep`
asgi.events = events
application = asgi.application
