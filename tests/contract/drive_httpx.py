"""Drives httpx: a Client and an AsyncClient, as apps use them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import io
import ssl
from typing import Any, AsyncIterator, ClassVar, Coroutine, Dict, FrozenSet, List, Optional, Sequence, Tuple, Union

import httpx

from tests.contract.drivers import Ask, Driver, Options, Reply, content


def settings(options: Options, client: type) -> Dict[str, Any]:
    """The arguments of a client. An app that sets no timeout sets none at all: httpx has one by itself."""
    timeout = httpx.Timeout(None, connect=options.connect, read=options.read)
    found: Dict[str, Any] = {"timeout": timeout, "trust_env": False, "follow_redirects": options.follow}
    if options.ca is not None:
        found["verify"] = ssl.create_default_context(cafile=options.ca)
    if options.proxy is not None:
        word = "proxy" if "proxy" in inspect.signature(client).parameters else "proxies"  # until 0.26
        found[word] = options.proxy
    return found


def reply(response: httpx.Response, body: bytes) -> Reply:
    """The response as the contract compares it."""
    headers = tuple((name.lower(), value) for name, value in response.headers.items())
    return Reply(response.status_code, body, headers, str(response.url))


class Httpx(Driver):
    """A `Client`."""

    library: ClassVar[str] = "httpcore"
    hook: ClassVar[str] = "meshrun_hooks.httpcore"
    can: ClassVar[FrozenSet[str]] = frozenset(("connect", "proxy", "file", "generator", "threads"))
    client: Optional[httpx.Client] = None

    def open(self) -> None:
        """Make the client."""
        self.client = httpx.Client(**settings(self.options, httpx.Client))

    def call(self, ask: Ask) -> Reply:
        """Request and read."""
        assert self.client is not None
        body: Any = ask.body
        if ask.form == "generator":
            body = content(ask)
        elif ask.form == "file":
            body = io.BytesIO(ask.body or b"")
        if not ask.stream:
            response = self.client.request(ask.method, ask.url, headers=ask.headers, content=body)
            return reply(response, response.content)
        with self.client.stream(ask.method, ask.url, headers=ask.headers, content=body) as response:
            return reply(response, b"".join(response.iter_bytes(100)))

    def together(self, asks: Sequence[Ask]) -> List[Union[Reply, BaseException]]:
        """One thread for each."""
        with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
            futures = [pool.submit(self.call, ask) for ask in asks]
        return [future.exception() or future.result() for future in futures]

    def close(self) -> None:
        """Close the client."""
        if self.client is not None:
            self.client.close()

    def drop(self) -> None:
        """Let go of the client."""
        self.client = None

    def objects(self) -> Sequence[Tuple[object, type]]:
        """The client, its transport and its pool."""
        assert self.client is not None
        transport: Any = self.client._transport
        import httpcore

        pool = transport._pool
        return [(self.client, httpx.Client), (transport, httpx.HTTPTransport), (pool, httpcore.ConnectionPool)]


async def pieces(ask: Ask) -> AsyncIterator[bytes]:
    """The body in pieces, asynchronously."""
    for piece in content(ask):
        await asyncio.sleep(0)
        yield piece


class Looped(Driver):
    """A driver with an event loop of its own, which runs while it is asked."""

    loop: Optional[asyncio.AbstractEventLoop] = None

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run it to its end."""
        if self.loop is None:
            self.loop = asyncio.new_event_loop()
        return self.loop.run_until_complete(work)

    async def ask(self, ask: Ask) -> Reply:
        """Request and read."""
        raise NotImplementedError

    def call(self, ask: Ask) -> Reply:
        """Request and read."""
        return self.run(self.ask(ask))  # type: ignore[no-any-return]

    def together(self, asks: Sequence[Ask]) -> List[Union[Reply, BaseException]]:
        """One task for each."""

        async def gathered() -> List[Union[Reply, BaseException]]:
            return await asyncio.gather(*(self.ask(ask) for ask in asks), return_exceptions=True)

        return self.run(gathered())  # type: ignore[no-any-return]

    def cancelled(self, ask: Ask, after: float) -> None:
        """Cancel the task."""

        async def cancel() -> None:
            task = asyncio.ensure_future(self.ask(ask))
            await asyncio.sleep(after)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

        self.run(cancel())


class HttpxAsync(Looped):
    """An `AsyncClient`."""

    library: ClassVar[str] = "httpcore"
    hook: ClassVar[str] = "meshrun_hooks.httpcore"
    can: ClassVar[FrozenSet[str]] = frozenset(("connect", "proxy", "cancel", "generator"))
    client: Optional[httpx.AsyncClient] = None

    def open(self) -> None:
        """Make the client."""
        self.client = httpx.AsyncClient(**settings(self.options, httpx.AsyncClient))

    async def ask(self, ask: Ask) -> Reply:
        """Request and read."""
        assert self.client is not None
        body: Any = pieces(ask) if ask.form == "generator" else ask.body
        if not ask.stream:
            response = await self.client.request(ask.method, ask.url, headers=ask.headers, content=body)
            return reply(response, response.content)
        async with self.client.stream(ask.method, ask.url, headers=ask.headers, content=body) as response:
            return reply(response, b"".join([piece async for piece in response.aiter_bytes(100)]))

    def close(self) -> None:
        """Close the client and the loop."""
        if self.client is not None:
            self.run(self.client.aclose())
        if self.loop is not None:
            self.loop.close()

    def drop(self) -> None:
        """Let go of the client and of the loop, without which nothing closes a socket."""
        self.client = None
        if self.loop is not None:
            self.loop.close()
            self.loop = None

    def objects(self) -> Sequence[Tuple[object, type]]:
        """The client, its transport and its pool."""
        assert self.client is not None
        transport: Any = self.client._transport
        import httpcore

        return [
            (self.client, httpx.AsyncClient), (transport, httpx.AsyncHTTPTransport),
            (transport._pool, httpcore.AsyncConnectionPool),
        ]  # fmt: skip
