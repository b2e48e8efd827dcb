"""A plain ASGI app."""

from __future__ import annotations

import asyncio
import os
from typing import Any, Callable, Dict
from urllib.parse import parse_qs

from tests.contract.apps import state

ROUTES: Dict[str, Callable[[], str]] = {"/handlers": state.handlers, "/fork": lambda: str(state.fork())}
HEADERS = [(b"content-type", b"text/plain")]


async def lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def wait(name: str) -> None:
    while not state.opened(name):  # noqa: ASYNC110 -- the gate is a file
        await asyncio.sleep(0.01)


async def short(receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": state.colour()})
    await send({"type": "websocket.close"})


async def lasting(name: str, receive: Any, send: Any) -> None:
    """A WebSocket that answers each message, until the other side or the server ends it."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            state.note(name, str(message.get("code")))
            return
        await send({"type": "websocket.send", "text": message["text"]})


async def gone_away(receive: Any) -> Any:
    """The next message, in a coroutine: the first releases of granian answer what can be waited for only once."""
    return await receive()


async def events(scope: Any, receive: Any, send: Any) -> None:
    """A stream of events as the query describes it, until the client goes away."""
    told = state.Told(scope["query_string"].decode())
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", told.kind.encode())]})
    gone = asyncio.ensure_future(gone_away(receive))
    for piece in told.pieces():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.wait([gone], timeout=told.pause)
        if gone.done():
            break
    told.note(gone.result()["type"] if gone.done() else "served")
    await send({"type": "http.response.body"})
    gone.cancel()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    if scope["type"] == "websocket":
        if scope["path"] == "/lasting":
            await lasting(scope["query_string"].decode(), receive, send)
        else:
            await short(receive, send)
        return
    path = scope["path"]
    if path == "/events":
        await events(scope, receive, send)
        return
    start = {"type": "http.response.start", "status": 200, "headers": HEADERS}
    if path == "/stream":
        await send(start)
        for _ in range(3):
            await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": (state.colour() + "\n").encode(), "more_body": True})
        await send({"type": "http.response.body"})
        await asyncio.sleep(0.05)  # as a background task of Starlette
        state.note("closed", state.colour())
        return
    if path == "/hold":
        name = parse_qs(scope["query_string"].decode())["gate"][0]
        state.note(name + ".begun", str(os.getpid()))
        await wait(name)
    if path == "/fail":
        raise LookupError("the app's own")
    body = ROUTES.get(path, state.colour)().encode()
    length = (b"content-length", str(len(body)).encode())
    await send(dict(start, headers=[*HEADERS, length]))
    await send({"type": "http.response.body", "body": body})
