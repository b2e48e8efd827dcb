"""What apps do with httpx and httpcore that no other library has; scripts for `tests.contract.child`."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
import ssl
from typing import Any, AsyncIterator, Dict, List

import httpcore
import httpx

from tests.contract.scripts import Kind, Plan, _state

KEEPS_COUNT = [int(part) for part in re.findall(r"\d+", httpcore.__version__)] >= [0, 17, 3]
"""Before this version a call that trio cancelled stayed in the pool's books, and the pool could not be closed."""


def traced(_: Kind, plan: Plan) -> Dict[str, Any]:
    """The events of the trace extension, with what they show of the call."""
    events: List[Any] = []

    def trace(name: str, info: Dict[str, Any]) -> None:
        request = info.get("request")
        shown = None if request is None else [repr(request.url), request.url == httpcore.URL(plan["url"])]
        events.append([name, info.get("host"), info.get("port"), info.get("server_hostname"), shown])

    with httpx.Client(trust_env=False) as client:
        client.get(plan["url"], extensions={"trace": trace})
    return {"events": events}


def untouched(_: Kind, plan: Plan) -> Dict[str, Any]:
    """Transports that never reach a pool's TCP connections, and a Unix socket."""
    mocked = httpx.MockTransport(lambda request: httpx.Response(200, json=sorted(request.headers)))

    async def app(scope: Any, _: Any, send: Any) -> None:
        names = sorted(name.decode() for name, _ in scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": repr(names).encode()})

    async def asgi() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
            return (await client.get("http://orders/")).text

    with httpx.Client(transport=mocked) as client:
        names = client.get("http://orders/").json()
    with httpx.Client(transport=httpx.HTTPTransport(uds=plan["uds"])) as client:
        body = client.get("http://orders/").json()
    return dict(_state(), mock=names, asgi=asyncio.run(asgi()), uds=body["server"])


def same_request(_: Kind, plan: Plan) -> Dict[str, Any]:
    """A request object of httpcore before and after the pool handled it, and its twin."""
    headers = [(b"Host", b"orders"), (b"X-One", b"1"), (b"bAggage", b"other=2")]
    request = httpcore.Request("GET", plan["url"], headers=headers)
    mine, kept, url = request.headers, list(request.headers), request.url
    with httpcore.ConnectionPool() as pool:
        statuses = []
        for _round in range(2):
            response = pool.handle_request(request)
            response.read()
            response.close()
            statuses.append(response.status)
        shown = repr(pool.connections)
    same = request.headers is mine and request.headers == kept and request.url is url
    return dict(_state(), statuses=statuses, same=same and headers == kept, shown=shown)


def streaming(_: Kind, plan: Plan) -> Dict[str, Any]:
    """What is in flight while responses are open: read, closed unread, never closed."""
    seen: List[int] = []

    def look() -> None:
        seen.append(_state()["inflight"])

    with httpx.Client(trust_env=False) as client:
        with client.stream("GET", plan["url"]) as response:
            look()
            response.read()
            look()
        with client.stream("GET", plan["url"]):
            look()
        look()
        response = client.send(client.build_request("GET", plan["url"]), stream=True)
        look()
        response.close()
        response.close()
        look()
    return dict(_state(), seen=seen)


def pooled(_: Kind, plan: Plan) -> Dict[str, Any]:
    """A client with small limits; many requests at once, then one too many for an impatient app."""
    limits = httpx.Limits(max_connections=2)

    async def work() -> List[Any]:
        async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30.0) as client:
            replies = await asyncio.gather(*(client.get(url) for url in plan["urls"]))
            found: List[Any] = []
            found.extend(reply.status_code for reply in replies)
            waiting = [asyncio.ensure_future(client.get(plan["slow"])) for _ in range(2)]
            await asyncio.sleep(0.3)
            try:
                await client.get(plan["slow"], timeout=httpx.Timeout(30.0, pool=0.2))
            except httpx.PoolTimeout as error:
                found.append(type(error).__name__)
            return found + [(await one).status_code for one in waiting]

    results = asyncio.run(work())
    return dict(_state(), results=results)


def retried(_: Kind, plan: Plan) -> Dict[str, Any]:
    """A transport that tries to connect again by itself."""
    results: List[Any] = []
    with httpx.Client(transport=httpx.HTTPTransport(retries=1), trust_env=False) as client:
        for url in plan["urls"]:
            try:
                results.append(client.post(url, content=b"abc").status_code)
            except httpx.ConnectError as error:
                results.append(type(error).__name__)
    return dict(_state(), results=results)


def http2(_: Kind, plan: Plan) -> Dict[str, Any]:
    """Requests over HTTP/2, some at the same time."""
    context = ssl.create_default_context(cafile=plan["ca"])

    async def work() -> List[Any]:
        async with httpx.AsyncClient(http1=True, http2=True, verify=context, trust_env=False) as client:
            replies = await asyncio.gather(*(client.get(url) for url in plan["urls"]))
            return [[reply.status_code, reply.http_version, str(reply.url)] for reply in replies]

    return dict(_state(), results=asyncio.run(work()))


def http2_refused(_: Kind, plan: Plan) -> Dict[str, Any]:
    """Requests over HTTP/2 one by one, and what comes of each: a body of bytes, none, one that is there once only."""
    context = ssl.create_default_context(cafile=plan["ca"])

    async def once() -> AsyncIterator[bytes]:
        yield b"abc"

    async def work() -> List[Any]:
        found: List[Any] = []
        async with httpx.AsyncClient(http1=True, http2=True, verify=context, trust_env=False) as client:
            for body in plan["bodies"]:
                content: Any = once() if body == "once" else body.encode() or None
                try:
                    found.append((await client.post(plan["url"], content=content)).status_code)
                except httpx.RemoteProtocolError as error:
                    found.append(type(error).__name__)
        return found

    return dict(_state(), results=asyncio.run(work()))


def on_trio(_: Kind, plan: Plan) -> Dict[str, Any]:
    """The same on trio."""
    trio: Any = importlib.import_module("trio")

    results: List[Any] = []

    async def work() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            results.extend([(await client.get(url)).status_code for url in plan["urls"]])
            if KEEPS_COUNT:
                with trio.move_on_after(0.3):
                    await client.get(plan["slow"])

    trio.run(work)
    return dict(_state(), results=results)


def windowed(_: Kind, plan: Plan) -> Dict[str, Any]:
    """A client that keeps few connections and calls a service of many instances."""
    limits = httpx.Limits(max_keepalive_connections=plan["keep"])
    with httpx.Client(limits=limits, trust_env=False) as client:
        results = [client.get(plan["url"]).status_code for _ in range(plan["calls"])]
    return dict(_state(), results=results)


def kinds(_: Kind, plan: Plan) -> Dict[str, Any]:
    """What the seams are to those who look."""
    pool = httpcore.AsyncConnectionPool
    return {
        "async": inspect.iscoroutinefunction(pool.handle_async_request),
        "sync": inspect.iscoroutinefunction(httpcore.ConnectionPool.handle_request),
        "create": inspect.iscoroutinefunction(pool.create_connection),
    }
