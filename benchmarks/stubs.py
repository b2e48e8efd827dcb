"""The stacks of `hook_cost`: each real library with its transport replaced, and the calls that are timed on it."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any, Callable, Iterator, List, Sequence, Tuple

from meshrun import hook
from meshrun.core.model import Instance
from meshrun.engines import open_engine

Timed = Callable[[int], None]
COLOURED = [("baggage", "lane=gray")]


def fill(store: str) -> None:
    """Three baseline instances and a gray one of `orders`."""
    engine = open_engine(store)
    for n, tags in enumerate(({}, {}, {}, {"lane": "gray"})):
        engine.register(Instance("o%d" % n, "default/orders", "127.0.0.1", 9000 + n, tags=tags), 86400.0)


class Stub:
    """A library without its transport."""

    name = ""
    hooks: Sequence[str] = ()

    def patch(self) -> None:
        """Put the seams in."""
        for each in self.hooks:
            importlib.import_module("meshrun_hooks." + each).patch()

    def unpatch(self) -> None:
        """Take the seams out."""
        for each in self.hooks:
            importlib.import_module("meshrun_hooks." + each).unpatch()

    def calls(self) -> Iterator[Tuple[str, Timed]]:
        """What is timed: a kind and a function that makes so many calls."""
        raise NotImplementedError


def in_lane(call: Timed) -> Timed:
    """The same calls while a coloured request is served."""

    def coloured(count: int) -> None:
        with hook.inbound(COLOURED, "GET", "/", "127.0.0.1"):
            call(count)

    return coloured


class Urllib3(Stub):
    """requests' pool: what lies below `HTTPConnectionPool._make_request` is cut off."""

    name, hooks = "requests on urllib3", ("urllib3",)

    def calls(self) -> Iterator[Tuple[str, Timed]]:
        import requests
        from urllib3 import HTTPConnectionPool, HTTPResponse

        def _make_request(*_: Any, **__: Any) -> Any:
            return HTTPResponse(b"", {}, 200, preload_content=False)

        replaced: Any = HTTPConnectionPool
        replaced._make_request = _make_request
        session = requests.Session()
        headers = session.prepare_request(requests.Request("GET", "http://orders/7")).headers

        def to(host: str) -> Timed:
            pool = HTTPConnectionPool(host, 80)

            def call(count: int) -> None:
                for _ in range(count):
                    pool.urlopen("GET", "/7", headers=headers, retries=False, preload_content=False).release_conn()

            return call

        yield "mesh", to("orders")
        yield "mesh, coloured", in_lane(to("orders"))
        yield "not mesh", to("example.com")


class Httpcore(Stub):
    """httpx's pool: connections answer from memory."""

    name, hooks = "httpx on httpcore", ("httpcore",)

    def calls(self) -> Iterator[Tuple[str, Timed]]:
        import httpcore
        from httpcore._sync import connection_pool

        class Connection(_Connection):
            def handle_request(self, _: Any) -> Any:
                return httpcore.Response(200, content=b"")

        replaced: Any = connection_pool
        replaced.HTTPConnection = Connection

        def to(host: str) -> Timed:
            pool = httpcore.ConnectionPool(max_keepalive_connections=20)
            headers = [(b"Host", host.encode()), (b"Accept", b"*/*"), (b"Accept-Encoding", b"gzip, deflate"),
                       (b"Connection", b"keep-alive"), (b"User-Agent", b"python-httpx/0.28")]  # fmt: skip
            request = httpcore.Request("GET", "http://%s/7" % host, headers=headers)

            def call(count: int) -> None:
                for _ in range(count):
                    pool.handle_request(request).close()

            return call

        yield "mesh", to("orders")
        yield "mesh, coloured", in_lane(to("orders"))
        yield "not mesh", to("example.com")


class AsyncHttpcore(Stub):
    """httpx's asynchronous pool."""

    name, hooks = "httpx async on httpcore", ("httpcore",)

    def calls(self) -> Iterator[Tuple[str, Timed]]:
        import httpcore
        from httpcore._async import connection_pool

        class Connection(_Connection):
            async def handle_async_request(self, _: Any) -> Any:
                return httpcore.Response(200, content=b"")

        replaced: Any = connection_pool
        replaced.AsyncHTTPConnection = Connection
        loop = asyncio.new_event_loop()

        def to(host: str) -> Timed:
            pool = httpcore.AsyncConnectionPool(max_keepalive_connections=20)
            headers = [(b"Host", host.encode()), (b"Accept", b"*/*"), (b"Accept-Encoding", b"gzip, deflate"),
                       (b"Connection", b"keep-alive"), (b"User-Agent", b"python-httpx/0.28")]  # fmt: skip
            request = httpcore.Request("GET", "http://%s/7" % host, headers=headers)

            async def many(count: int) -> None:
                for _ in range(count):
                    await (await pool.handle_async_request(request)).aclose()

            return lambda count: loop.run_until_complete(many(count))

        yield "mesh", to("orders")
        yield "mesh, coloured", in_lane(to("orders"))
        yield "not mesh", to("example.com")


class _Connection:
    """A connection of httpcore that is always idle and never fails."""

    def __init__(self, origin: Any, **_: Any) -> None:
        self._origin = origin
        self._network_backend = None

    def can_handle_request(self, origin: Any) -> bool:
        return bool(origin == self._origin)

    def is_available(self) -> bool:
        return True

    is_idle = is_available

    def has_expired(self) -> bool:
        return False

    is_closed = has_expired

    def close(self) -> None:
        return None


class Aiohttp(Stub):
    """aiohttp's connector: connections come from memory."""

    name, hooks = "aiohttp", ("aiohttp_client",)

    def calls(self) -> Iterator[Tuple[str, Timed]]:
        import aiohttp
        from aiohttp.client_reqrep import ClientRequest
        from yarl import URL

        loop = asyncio.new_event_loop()

        class Protocol:
            should_close = False
            closed = None
            transport = None

            def is_connected(self) -> bool:
                return True

            def close(self) -> None:
                return None

        async def _create_connection(*_: Any) -> Any:
            return Protocol()

        replaced: Any = aiohttp.TCPConnector
        replaced._create_connection = _create_connection

        async def ready() -> Any:
            return aiohttp.TCPConnector(), aiohttp.ClientSession()

        connector, session = loop.run_until_complete(ready())
        timeout = aiohttp.ClientTimeout()

        def to(host: str) -> Timed:
            made: List[Any] = []

            async def catch(_: Any, request: Any, *__: Any, **___: Any) -> Any:
                made.append(request)
                raise aiohttp.ClientError

            async def request() -> None:
                replaced.connect = catch
                try:
                    await session.get(URL("http://%s/7" % host))
                except aiohttp.ClientError:
                    pass
                finally:
                    del replaced.connect

            loop.run_until_complete(request())
            prepared: ClientRequest = made[0]
            headers = prepared.headers.copy()

            async def many(count: int) -> None:
                for _ in range(count):
                    prepared.headers = headers.copy()
                    (await connector.connect(prepared, [], timeout)).release()

            return lambda count: loop.run_until_complete(many(count))

        yield "mesh", to("orders")
        yield "mesh, coloured", in_lane(to("orders"))
        yield "not mesh", to("example.com")


INCOMING = [("Host", "orders"), ("User-Agent", "python-requests/2.34"), ("Accept-Encoding", "gzip, deflate"),
            ("Accept", "*/*"), ("Connection", "keep-alive"), ("X-Meshrun-Caller", "web.default")]  # fmt: skip
INCOMING_GRAY = [*INCOMING, ("baggage", "lane=gray"), ("X-Polaris-Metadata-Transitive-lane", "gray")]


class GunicornSync(Stub):
    """gunicorn's sync worker: a request that is answered at once."""

    name, hooks = "gunicorn", ("gunicorn_sync", "gunicorn_response")

    def calls(self) -> Iterator[Tuple[str, Timed]]:
        from gunicorn.http.wsgi import Response  # type: ignore[import-untyped]
        from gunicorn.workers.sync import SyncWorker  # type: ignore[import-untyped]

        def handle_request(_: Any, __: Any, req: Any, *___: Any) -> None:
            response = Response.__new__(Response)
            response.req, response.status_code, response.headers = req, 200, []
            response.default_headers()

        SyncWorker.handle_request = handle_request
        Response.default_headers = lambda _: []
        worker = SyncWorker.__new__(SyncWorker)

        class Message:
            method, uri = "GET", "/7"

            def __init__(self, headers: List[Tuple[str, str]]) -> None:
                self.headers = headers

        def of(incoming: Sequence[Tuple[str, str]]) -> Timed:
            headers = [(name.upper(), value) for name, value in incoming]

            def call(count: int) -> None:
                for _ in range(count):
                    worker.handle_request(None, Message(headers), None, ("127.0.0.1", 1))

            return call

        yield "served", of(INCOMING)
        yield "served, coloured", of(INCOMING_GRAY)


class Uvicorn(Stub):
    """uvicorn: an application that answers at once."""

    name, hooks = "uvicorn", ("uvicorn_h11",)

    def calls(self) -> Iterator[Tuple[str, Timed]]:
        from uvicorn.protocols.http.h11_impl import RequestResponseCycle

        start = {"type": "http.response.start", "status": 200, "headers": []}

        async def run_asgi(self: Any, _: Any) -> None:
            self.response_started = False
            await self.send(start)
            self.response_started = True
            await self.send({"type": "http.response.body"})

        async def send(_: Any, __: Any) -> None:
            return None

        replaced: Any = RequestResponseCycle
        replaced.run_asgi = run_asgi
        replaced.send = send
        loop = asyncio.new_event_loop()

        def of(incoming: Any) -> Timed:
            headers = [(name.lower().encode(), value.encode()) for name, value in incoming]
            scope = {"type": "http", "method": "GET", "raw_path": b"/7", "query_string": b"", "headers": headers,
                     "client": ("127.0.0.1", 1)}  # fmt: skip

            async def many(count: int) -> None:
                for _ in range(count):
                    cycle = RequestResponseCycle.__new__(RequestResponseCycle)
                    cycle.scope = scope  # type: ignore[assignment]
                    await cycle.run_asgi(None)  # type: ignore[arg-type]

            return lambda count: loop.run_until_complete(many(count))

        yield "served", of(INCOMING)
        yield "served, coloured", of(INCOMING_GRAY)


class AiohttpWeb(Stub):
    """aiohttp.web: a handler that answers at once."""

    name, hooks = "aiohttp.web", ("aiohttp_web",)

    def calls(self) -> Iterator[Tuple[str, Timed]]:
        from aiohttp import web
        from aiohttp.web_protocol import RequestHandler

        response = web.Response()

        async def prepare(_: Any, __: Any) -> None:
            return None

        async def _handle_request(_: Any, request: Any, *__: Any) -> Any:
            await response.prepare(request)
            return response, False

        RequestHandler._handle_request = _handle_request  # type: ignore[method-assign, assignment]
        web.StreamResponse.prepare = prepare  # type: ignore[method-assign, assignment]
        handler = RequestHandler.__new__(RequestHandler)
        loop = asyncio.new_event_loop()

        class Message:
            method, raw_path, remote = "GET", "/7", "127.0.0.1"
            raw_headers = tuple((name.encode(), value.encode()) for name, value in INCOMING)

        class Gray(Message):
            raw_headers = tuple((name.encode(), value.encode()) for name, value in INCOMING_GRAY)

        def of(message: Any) -> Timed:
            async def many(count: int) -> None:
                for _ in range(count):
                    await handler._handle_request(message, 0.0, None)  # type: ignore[arg-type]

            return lambda count: loop.run_until_complete(many(count))

        yield "served", of(Message())
        yield "served, coloured", of(Gray())


STUBS: Sequence[Stub] = (
    Urllib3(), Httpcore(), AsyncHttpcore(), Aiohttp(), GunicornSync(), Uvicorn(), AiohttpWeb(),
)  # fmt: skip
