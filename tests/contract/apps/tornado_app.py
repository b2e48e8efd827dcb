"""A plain tornado app. Its first argument says how it is run: ``run``, ``loop``, ``wsgi``, ``fork`` or ``stops``."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tornado import httpserver, ioloop, iostream, netutil, process, version_info, web, websocket, wsgi

from tests.contract.apps import state
from tests.contract.apps.wsgi import application


class Plain(web.RequestHandler):
    def get(self) -> None:
        self.finish(state.colour())


class Handlers(web.RequestHandler):
    def get(self) -> None:
        self.finish(state.handlers())


class Fork(web.RequestHandler):
    def get(self) -> None:
        self.finish(str(state.fork()))


class Stream(web.RequestHandler):
    async def get(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            self.write(state.colour() + "\n")
            await self.flush()
        self.finish()
        await asyncio.sleep(0.05)
        state.note("closed", state.colour())


class Hold(web.RequestHandler):
    async def get(self) -> None:
        name = self.get_argument("gate")
        state.note(name + ".begun")
        while not state.opened(name):  # noqa: ASYNC110 -- the gate is a file
            await asyncio.sleep(0.01)
        if not self.request.connection.stream.closed():
            self.finish(state.colour())
        state.note(name + ".ended", state.colour())


class Events(web.RequestHandler):
    """A stream of events as the query describes it, until the client goes away."""

    def initialize(self) -> None:
        self.gone = asyncio.get_event_loop().create_future()

    def on_connection_close(self) -> None:
        self.gone.set_result(None)

    async def get(self) -> None:
        told = state.Told(self.request.query)
        self.set_header("Content-Type", told.kind)
        deaf = self.get_argument("deaf", "")
        try:
            for piece in told.pieces():
                self.write(piece)
                await self.flush()
                await (asyncio.sleep(told.pause) if deaf else asyncio.wait([self.gone], timeout=told.pause))
                if self.gone.done() and not deaf:
                    break
        except iostream.StreamClosedError:
            told.note("closed")
            return
        told.note("gone" if self.gone.done() else "served")


class Fail(web.RequestHandler):
    def get(self) -> None:
        raise LookupError("the app's own")


class Talk(websocket.WebSocketHandler):
    def open(self) -> None:
        self.write_message(state.colour())

    def on_message(self, message: Any) -> None:
        self.write_message("echo " + state.colour())


class Lasting(websocket.WebSocketHandler):
    """Answers each message, until the other side or the server ends it."""

    def on_message(self, message: Any) -> None:
        self.write_message(message)

    def on_close(self) -> None:
        state.note(self.request.query, str(self.close_code))


ROUTES = {
    "/handlers": Handlers,
    "/fork": Fork,
    "/stream": Stream,
    "/hold": Hold,
    "/events": Events,
    "/fail": Fail,
    "/ws": Talk,
    "/lasting": Lasting,
}


def made() -> Any:
    return web.Application([*ROUTES.items(), ("/.*", Plain)])


def serve(callback: Any) -> Any:
    server = httpserver.HTTPServer(callback, idle_connection_timeout=7)
    server.add_sockets(SOCKETS)
    return server


async def run() -> None:
    serve(made())
    await asyncio.Event().wait()


async def stops() -> None:
    server = serve(made())
    while not state.opened("end"):  # noqa: ASYNC110 -- the gate is a file
        await asyncio.sleep(0.01)
    server.stop()
    while not state.opened("leave"):  # noqa: ASYNC110 -- as above
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    HOW = sys.argv[1]
    SOCKETS = netutil.bind_sockets(0, "127.0.0.1")
    state.say("running on http://127.0.0.1:%d" % SOCKETS[0].getsockname()[1])
    if HOW == "fork":
        process.fork_processes(2)
    if HOW in ("run", "fork"):
        asyncio.run(run())
    elif HOW == "stops":
        asyncio.run(stops())
    else:
        threads = (ThreadPoolExecutor(4),) if version_info >= (6, 3) else ()  # before, it runs in the loop
        serve(made() if HOW == "loop" else wsgi.WSGIContainer(application, *threads))
        ioloop.IOLoop.current().start()
