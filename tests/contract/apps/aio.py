"""A plain aiohttp app. Its first argument says how it is run: ``run_app``, ``runner``, ``own`` or ``ends``."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import Any

from aiohttp import web

from tests.contract.apps import state


async def plain(request: web.Request) -> web.StreamResponse:
    return web.Response(text=state.colour())


async def handlers(request: web.Request) -> web.StreamResponse:
    return web.Response(text=state.handlers())


async def fork(request: web.Request) -> web.StreamResponse:
    return web.Response(text=str(state.fork()))


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    for _ in range(3):
        await asyncio.sleep(0)
        await response.write((state.colour() + "\n").encode())
    await response.write_eof()
    state.note("closed", state.colour())
    return response


async def hold(request: web.Request) -> web.StreamResponse:
    name = request.query["gate"]
    state.note(name + ".begun")
    while not state.opened(name):  # noqa: ASYNC110 -- the gate is a file
        await asyncio.sleep(0.01)
    return web.Response(text=state.colour())


async def lasting(request: web.Request) -> web.StreamResponse:
    """A WebSocket that answers each message, until the other side or the server ends it."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    state.note(request.query_string, "closed" if socket.closed else "open")
    return socket


async def events(request: web.Request) -> web.StreamResponse:
    """A stream of events as the query describes it, until the client goes away."""
    told = state.Told(request.query_string)
    response = web.StreamResponse(headers={"Content-Type": told.kind})
    await response.prepare(request)
    try:
        for piece in told.pieces():
            await response.write(piece)
            await asyncio.sleep(told.pause)
    except ConnectionResetError:
        told.note("reset")
        return response
    except asyncio.CancelledError:
        told.note("cancelled")
        raise
    told.note("served")
    return response


async def fail(request: web.Request) -> web.StreamResponse:
    raise LookupError("the app's own")


def made() -> web.Application:
    app = web.Application()
    for served in (handlers, fork, stream, hold, lasting, events, fail):
        app.router.add_get("/" + served.__name__, served)
    app.router.add_get("/", plain)
    return app


def leave(signum: int, frame: Any) -> None:
    """The handler of an app that ends in its own way."""
    state.say("own handler")
    os._exit(7)


async def runner(how: str) -> None:
    if how == "own":
        signal.signal(signal.SIGTERM, leave)
    running = web.AppRunner(made())
    await running.setup()
    await web.TCPSite(running, "127.0.0.1", 0).start()
    state.say("running on http://127.0.0.1:%d" % running.addresses[0][1])
    while not (how == "ends" and state.opened("end")):  # noqa: ASYNC110 -- the gate is a file
        await asyncio.sleep(0.01)
    sys.exit(5)


if __name__ == "__main__":
    if sys.argv[1] == "run_app":
        listener = socket.create_server(("127.0.0.1", 0))
        state.say("running on http://127.0.0.1:%d" % listener.getsockname()[1])
        # How long handlers are waited for that go on, in seconds; 60 by default.
        own = {"shutdown_timeout": float(sys.argv[2])} if len(sys.argv) > 2 else {}
        web.run_app(made(), sock=listener, print=None, **own)
    else:
        asyncio.run(runner(sys.argv[1]))
