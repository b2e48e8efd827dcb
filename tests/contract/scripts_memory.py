"""What a process holds after very many calls. Connections answer from memory, so nothing but calls counts.

Each function runs in a process of its own, with or without meshrun, and answers what has grown meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import socket
import sys
from typing import Any, Callable, Dict, Iterator

from tests.contract.scripts import Kind, Plan

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HOSTS = ("orders", "orders", "other.example")
WARM = 4000
COLOURED = [("baggage", "lane=gray"), ("x-request-id", "1")]


class Answering(socket.socket):
    """A socket whose other end has answered by the time that a request is sent."""

    @classmethod
    def made(cls) -> Answering:
        """A connected one."""
        near, far = socket.socketpair()
        found = cls(near.family, near.type, near.proto, near.detach())
        found.far = far
        return found

    far: socket.socket

    def send(self, data: Any, *_: Any) -> int:
        self.far.sendall(ANSWER)
        return len(data)

    def sendall(self, data: Any, *_: Any) -> None:
        self.far.sendall(ANSWER)

    def close(self) -> None:
        self.far.close()
        super().close()


def grown(call: Callable[[int], None], number: int) -> Dict[str, int]:
    """Make the calls; blocks of memory and KiB that the process has more of afterwards."""
    call(WARM)
    before = _held()
    call(number)
    after = _held()
    return {"blocks": after[0] - before[0], "kib": after[1] - before[1], "counted": _counted()}


def _held() -> Any:
    gc.collect()
    return sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _counted() -> int:
    """Calls and requests that meshrun has seen."""
    process: Any = getattr(sys.modules.get("meshrun.hook"), "_process", None)
    if process is None:
        return 0
    lines = process.exposition().splitlines()
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith("meshrun_requests_total"))


def urls(number: int) -> Iterator[str]:
    """Two thirds of them go to the mesh; no two paths are the same."""
    for n in range(number):
        yield "http://%s/item/%d" % (HOSTS[n % 3], n)


@contextlib.contextmanager
def served(n: int) -> Iterator[None]:
    """Every other call is made while a coloured request is served, where meshrun is there."""
    hook = sys.modules.get("meshrun.hook")
    if hook is None or n % 2:
        yield
        return
    with hook.inbound([*COLOURED, ("x-request-id", str(n))], "GET", "/%d" % n, "127.0.0.1"):
        yield


def urllib3(_: Kind, plan: Plan) -> Dict[str, int]:
    """`PoolManager.request`."""
    import urllib3

    urllib3.util.connection.create_connection = lambda *_, **__: Answering.made()
    manager = urllib3.PoolManager()

    def call(number: int) -> None:
        for n, url in enumerate(urls(number)):
            with served(n):
                manager.request("GET", url, headers={"X-Request-Id": str(n)})

    return grown(call, plan["calls"])


def httpcore(_: Kind, plan: Plan) -> Dict[str, int]:
    """`ConnectionPool.request`."""
    import httpcore

    class Stream(httpcore.NetworkStream):
        def read(self, max_bytes: int, timeout: Any = None) -> bytes:
            return ANSWER

        def write(self, buffer: bytes, timeout: Any = None) -> None:
            return None

        def close(self) -> None:
            return None

        def get_extra_info(self, info: str) -> Any:
            return False if info == "is_readable" else None

    class Backend(httpcore.NetworkBackend):
        def connect_tcp(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
            return Stream()

    pool = httpcore.ConnectionPool(network_backend=Backend())

    def call(number: int) -> None:
        for n, url in enumerate(urls(number)):
            with served(n):
                pool.request("GET", url, headers={"X-Request-Id": str(n)})

    return grown(call, plan["calls"])


def async_httpcore(_: Kind, plan: Plan) -> Dict[str, int]:
    """`AsyncConnectionPool.request`."""
    import httpcore

    class Stream(httpcore.AsyncNetworkStream):
        async def read(self, max_bytes: int, timeout: Any = None) -> bytes:
            return ANSWER

        async def write(self, buffer: bytes, timeout: Any = None) -> None:
            return None

        async def aclose(self) -> None:
            return None

        def get_extra_info(self, info: str) -> Any:
            return False if info == "is_readable" else None

    class Backend(httpcore.AsyncNetworkBackend):
        async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
            return Stream()

    pool = httpcore.AsyncConnectionPool(network_backend=Backend())

    async def many(number: int) -> None:
        for n, url in enumerate(urls(number)):
            with served(n):
                await pool.request("GET", url, headers={"X-Request-Id": str(n)})

    loop = asyncio.new_event_loop()
    return grown(lambda number: loop.run_until_complete(many(number)), plan["calls"])


def aiohttp(_: Kind, plan: Plan) -> Dict[str, int]:
    """`ClientSession.get`."""
    import aiohttp
    from aiohttp import connector

    async def start_connection(*_: Any, **__: Any) -> socket.socket:
        made = Answering.made()
        made.setblocking(False)
        return made

    replaced: Any = connector
    replaced.aiohappyeyeballs.start_connection = start_connection

    class Resolver(aiohttp.abc.AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
            return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

        async def close(self) -> None:
            return None

    loop = asyncio.new_event_loop()

    async def opened() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Resolver()))

    session = loop.run_until_complete(opened())

    async def many(number: int) -> None:
        for n, url in enumerate(urls(number)):
            with served(n):
                async with session.get(url, headers={"X-Request-Id": str(n)}) as response:
                    await response.read()

    return grown(lambda number: loop.run_until_complete(many(number)), plan["calls"])


ASK = b"GET /item/%d HTTP/1.1\r\nHost: web\r\nX-Request-Id: %d\r\n%s\r\n"


def asked(n: int) -> bytes:
    """A request; every other one is coloured."""
    return ASK % (n, n, b"" if n % 2 else b"baggage: lane=gray\r\nX-Meshrun-Caller: web.default\r\n")


class Written(asyncio.Transport):
    """A transport that forgets what is written; who waits for the end of a response is told."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def write(self, data: Any) -> None:
        self.bytes += len(data)

    def writelines(self, list_of_data: Any) -> None:
        for data in list_of_data:
            self.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        return None

    def pause_reading(self) -> None:
        return None

    def resume_reading(self) -> None:
        return None


async def _feed(protocol: Any, number: int) -> None:
    """Give a server's protocol one request after the other."""
    transport = Written()
    protocol.connection_made(transport)
    for n in range(number):
        before = transport.bytes
        protocol.data_received(asked(n))
        while transport.bytes == before:  # noqa: ASYNC110 -- an event would be one more thing that is held
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # what follows the last byte
    protocol.connection_lost(None)


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def _uvicorn(http: Any, plan: Plan) -> Dict[str, int]:
    import uvicorn
    from uvicorn.server import ServerState

    loop = asyncio.new_event_loop()
    config = uvicorn.Config(_asgi, http=http, lifespan="off", log_level="critical", access_log=False)
    config.load()
    state = ServerState()

    async def many(number: int) -> None:
        made: Any = config.http_protocol_class
        await _feed(made(config=config, server_state=state, app_state={}, _loop=loop), number)

    return grown(lambda number: loop.run_until_complete(many(number)), plan["calls"])


def uvicorn_h11(_: Kind, plan: Plan) -> Dict[str, int]:
    """uvicorn over h11."""
    return _uvicorn("h11", plan)


def uvicorn_httptools(_: Kind, plan: Plan) -> Dict[str, int]:
    """uvicorn over httptools."""
    return _uvicorn("httptools", plan)


def aiohttp_web(_: Kind, plan: Plan) -> Dict[str, int]:
    """aiohttp.web."""
    from aiohttp import web

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=b"ok")

    loop = asyncio.new_event_loop()

    async def many(number: int) -> None:
        await _feed(web.Server(answer, access_log=None)(), number)

    return grown(lambda number: loop.run_until_complete(many(number)), plan["calls"])


def _wsgi(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def _gunicorn(worker_class: Any, handle: Any, plan: Plan) -> Dict[str, int]:
    from gunicorn import config, glogging  # type: ignore[import-untyped]

    settings = config.Config()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = worker_class(1, os.getpid(), [listener], None, 30, settings, glogging.Logger(settings))
        worker.wsgi, worker.max_requests = _wsgi, sys.maxsize

        def call(number: int) -> None:
            for n in range(number):
                near, far = socket.socketpair()
                far.sendall(asked(n))
                far.shutdown(socket.SHUT_WR)
                handle(worker, listener, near)
                near.close()
                far.close()

        return grown(call, plan["calls"])


def gunicorn_sync(_: Kind, plan: Plan) -> Dict[str, int]:
    """gunicorn's sync worker."""
    from gunicorn.workers.sync import SyncWorker  # type: ignore[import-untyped]

    return _gunicorn(SyncWorker, lambda worker, listener, sock: worker.handle(listener, sock, ("127.0.0.1", 1)), plan)


def gunicorn_gthread(_: Kind, plan: Plan) -> Dict[str, int]:
    """gunicorn's threaded worker, without its threads."""
    from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

    def handle(worker: Any, listener: Any, sock: Any) -> None:
        conn = TConn(worker.cfg, sock, ("127.0.0.1", 1), listener.getsockname())
        conn.init()
        worker.handle_request(next(conn.parser), conn)

    return _gunicorn(ThreadWorker, handle, plan)
