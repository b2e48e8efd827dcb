"""What apps do with aiohttp's client that no other library has; scripts for `tests.contract.child`."""

from __future__ import annotations

import asyncio
import inspect
import socket
from typing import Any, Dict, List

import aiohttp
import attr

from tests.contract.scripts import Kind, Plan, _state


async def status(session: aiohttp.ClientSession, url: str, **more: Any) -> Any:
    """The status of a GET, or the name of the error."""
    try:
        async with session.get(url, **more) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        return type(error).__name__


def own_headers(_: Kind, plan: Plan) -> Dict[str, Any]:
    """What the app reads of the request that it made, redirects included."""

    async def work() -> List[Any]:
        mine = {"X-One": "1", "Baggage": "other=2"}
        async with aiohttp.ClientSession(headers={"X-Two": "2"}) as session:
            async with session.get(plan["url"], headers=mine) as response:
                await response.read()
                infos = [one.request_info for one in (*response.history, response)]
            try:
                async with session.get(plan["bad"], headers=mine, raise_for_status=True):
                    pass
            except aiohttp.ClientResponseError as error:
                infos.append(error.request_info)
        return [[str(info.url), sorted(info.headers.items())] for info in infos]

    return dict(_state(), infos=asyncio.run(work()))


def traced(_: Kind, plan: Plan) -> Dict[str, Any]:
    """The names of the events of a TraceConfig."""
    events: List[str] = []

    def listen(name: str) -> Any:
        async def heard(*_: Any) -> None:
            events.append(name)

        return heard

    async def work() -> None:
        config = aiohttp.TraceConfig()
        for name in (
            "connection_create_start", "connection_create_end", "connection_reuseconn", "connection_queued_start",
            "connection_queued_end", "dns_cache_miss", "dns_cache_hit", "dns_resolvehost_start", "request_end",
        ):  # fmt: skip
            getattr(config, "on_" + name).append(listen(name))
        connector = aiohttp.TCPConnector(limit_per_host=plan.get("limit", 0))
        async with aiohttp.ClientSession(connector=connector, trace_configs=[config]) as session:
            for url in plan["urls"]:
                await status(session, url)
            await asyncio.gather(*(status(session, url) for url in plan.get("together", ())))

    asyncio.run(work())
    return {"events": events}


def websocket(_: Kind, plan: Plan) -> Dict[str, Any]:
    """A WebSocket client: one message there and back."""

    async def work() -> List[Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(plan["url"]) as socket:
            during = _state()["inflight"]
            await socket.send_str("hello")
            return [await socket.receive_str(), during]

    return dict(_state_after(work()))


def _state_after(work: Any) -> Dict[str, Any]:
    results = asyncio.run(work)
    return dict(_state(), results=results)


def connectors(_: Kind, plan: Plan) -> Dict[str, Any]:
    """Connectors that are not plain TCP connectors."""

    class Socks(aiohttp.TCPConnector):
        async def _wrap_create_connection(self, *args: Any, **kwargs: Any) -> Any:
            return await super()._wrap_create_connection(*args, **kwargs)

    class Named(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **kwargs: Any) -> Any:
            return await super().connect(*args, **kwargs)

    class Own(aiohttp.ClientRequest):
        @property
        def connection_key(self) -> Any:
            key: Any = super().connection_key
            if hasattr(key, "_replace"):
                return key._replace(proxy_headers_hash=None)
            return attr.evolve(key, proxy_headers_hash=None)  # before 3.10

    async def one(connector: Any, url: str, **more: Any) -> Any:
        async with aiohttp.ClientSession(connector=connector, **more) as session:
            return [await status(session, url) for _ in range(3)]

    async def work() -> Dict[str, Any]:
        url = plan["url"]
        return {
            "unix": await one(aiohttp.UnixConnector(plan["uds"]), "http://orders/"),
            "socks": await one(Socks(), url),
            "named": await one(Named(), url),
            "own": await one(aiohttp.TCPConnector(), url, request_class=Own),
            "family": await one(aiohttp.TCPConnector(family=socket.AF_INET), url),
            "six": await one(aiohttp.TCPConnector(family=socket.AF_INET6), url),
        }

    return _state_after(work())


def crowded(_: Kind, plan: Plan) -> Dict[str, Any]:
    """Waiters for a place that are cancelled or time out give nothing away; `limit` counts as ever."""

    async def work() -> List[Any]:
        connector = aiohttp.TCPConnector(limit=plan.get("limit", 100), limit_per_host=plan.get("per_host", 0))
        async with aiohttp.ClientSession(connector=connector) as session:
            running = [asyncio.ensure_future(status(session, plan["slow"])) for _ in range(2)]
            await asyncio.sleep(0.1)
            waiting = [asyncio.ensure_future(status(session, plan["slow"])) for _ in range(3)]
            late = asyncio.ensure_future(
                status(session, plan["slow"], timeout=aiohttp.ClientTimeout(connect=plan["connect"]))
            )
            await asyncio.sleep(0.1)
            waiting[0].cancel()
            found = await asyncio.gather(*running, *waiting, late, return_exceptions=True)
            after = await asyncio.gather(*(status(session, plan["url"]) for _ in range(4)))
        return [one if isinstance(one, (int, str)) else type(one).__name__ for one in (*found, *after)]

    return _state_after(work())


def streaming(_: Kind, plan: Plan) -> Dict[str, Any]:
    """What is in flight while responses are open: read, released unread, closed, dropped."""

    async def work() -> List[int]:
        seen: List[int] = []
        async with aiohttp.ClientSession() as session:
            async with session.get(plan["url"]) as response:
                seen.append(_state()["inflight"])
                await response.read()
                seen.append(_state()["inflight"])
            response = await session.get(plan["url"])
            response.close()
            response.close()
            seen.append(_state()["inflight"])
            response = await session.get(plan["short"])
            seen.append(_state()["inflight"])
            response.release()
        return seen

    return _state_after(work())


def waits(_: Kind, plan: Plan) -> Dict[str, Any]:
    """Calls with the timeouts of the plan, each in a session of its own."""

    async def work() -> List[Any]:
        found = []
        for fields in plan["timeouts"]:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(**fields)) as session:
                found.append([await status(session, plan["url"]) for _ in range(4)])
        async with aiohttp.ClientSession() as session:
            found.append([await status(session, plan["url"]) for _ in range(2)])
        return found

    return _state_after(work())


def resolved(_: Kind, plan: Plan) -> Dict[str, Any]:
    """What the resolver was asked, and what the DNS cache holds, after mesh and other calls."""
    asked: List[str] = []

    class Resolver(aiohttp.abc.AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> Any:
            asked.append(host)
            return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

        async def close(self) -> None:
            return None

    async def work() -> List[Any]:
        connector = aiohttp.TCPConnector(resolver=Resolver())
        async with aiohttp.ClientSession(connector=connector) as session:
            found = [await status(session, url) for url in plan["urls"]]
            return [found, asked, [key[0] for key in connector._cached_hosts._addrs_rr]]

    return _state_after(work())


def kinds(_: Kind, plan: Plan) -> Dict[str, Any]:
    """What the seams are to those who look."""
    functions = (
        aiohttp.BaseConnector.connect, aiohttp.TCPConnector.connect, aiohttp.TCPConnector._resolve_host,
        aiohttp.TCPConnector._create_connection, aiohttp.ClientResponse.start,
    )  # fmt: skip
    return {"coroutines": [inspect.iscoroutinefunction(one) for one in functions]}
