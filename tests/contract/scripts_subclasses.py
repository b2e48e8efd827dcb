"""Apps with classes of their own over those that have seams, and with switches that are turned under way."""

from __future__ import annotations

import importlib
from typing import Any, Dict, List

import requests
import urllib3
import wrapt

from tests.contract.scripts import Kind, Plan, _state
from tests.contract.scripts_urllib3 import _resolve


def of_urllib3(_: Kind, plan: Plan) -> Dict[str, Any]:
    """A pool and a connection that override every seam and call ``super``."""
    seen: List[str] = []

    class Connection(urllib3.connection.HTTPConnection):
        def _new_conn(self) -> Any:
            seen.append("dial")
            return super()._new_conn()

        def getresponse(self) -> Any:
            seen.append("getresponse")
            return super().getresponse()

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

        def urlopen(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("urlopen")
            return super().urlopen(*args, **kwargs)

        def _get_conn(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("get")
            return super()._get_conn(*args, **kwargs)

        def _new_conn(self) -> Any:
            seen.append("new")
            return super()._new_conn()

        def _put_conn(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("put")
            return super()._put_conn(*args, **kwargs)

        def close(self) -> None:
            seen.append("close")
            return super().close()

    with Pool("orders", 80) as pool:
        statuses = [pool.request("GET", "/x").status for _ in range(3)]
    return dict(_state(), statuses=statuses, seen=seen)


def of_requests(_: Kind, plan: Plan) -> Dict[str, Any]:
    """A session, an adapter and a response of the app's."""
    seen: List[str] = []

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("adapter")
            return super().send(*args, **kwargs)

        def build_response(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("response")
            return super().build_response(*args, **kwargs)

    class Session(requests.Session):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("session")
            return super().request(*args, **kwargs)

    session = Session()
    session.trust_env = False
    session.mount("http://", Adapter())
    statuses = [session.get("http://orders/x").status_code for _ in range(3)]
    return dict(_state(), statuses=statuses, seen=seen)


def of_httpx(_: Kind, plan: Plan) -> Dict[str, Any]:
    """A client, a transport and a pool of the app's."""
    import httpcore
    import httpx

    seen: List[str] = []

    class Pool(httpcore.ConnectionPool):
        def handle_request(self, request: Any) -> Any:
            seen.append("pool")
            return super().handle_request(request)

    class Transport(httpx.HTTPTransport):
        def __init__(self) -> None:
            super().__init__()
            self._pool = Pool()

        def handle_request(self, request: Any) -> Any:
            seen.append("transport")
            return super().handle_request(request)

    class Client(httpx.Client):
        def send(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("client")
            return super().send(*args, **kwargs)

    with Client(transport=Transport()) as client:
        statuses = [client.get("http://orders/x").status_code for _ in range(3)]
    return dict(_state(), statuses=statuses, seen=seen)


def of_aiohttp(_: Kind, plan: Plan) -> Dict[str, Any]:
    """A connector and a response of the app's."""
    import asyncio

    import aiohttp

    seen: List[str] = []

    class Connector(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("connect")
            return await super().connect(*args, **kwargs)

    class Response(aiohttp.ClientResponse):
        async def start(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("start")
            return await super().start(*args, **kwargs)

    async def work() -> List[int]:
        async with aiohttp.ClientSession(connector=Connector(), response_class=Response) as session:
            found = []
            for _ in range(3):
                async with session.get("http://orders/x") as response:
                    found.append(response.status)
            return found

    return dict(_state_after(asyncio.new_event_loop().run_until_complete(work())), seen=seen)


def _state_after(statuses: List[int]) -> Dict[str, Any]:
    return dict(_state(), statuses=statuses)


def verify(_: Kind, plan: Plan) -> List[Any]:
    """``session.verify`` is turned under way, on connections that are kept alive and on new ones."""
    if plan["bare"]:
        _resolve(plan["bare"])
    urllib3.disable_warnings()
    session = requests.Session()
    session.trust_env = False
    found: List[Any] = []
    for chosen in (plan["ca"], False, False, plan["ca"], True, False, plan["ca"]):
        session.verify = chosen
        for path in ("/x", "/close"):
            try:
                found.append(session.get("https://orders" + path).status_code)
            except requests.exceptions.SSLError:
                found.append("SSLError")
    return found


def propagating(_: Kind, plan: Plan) -> Dict[str, Any]:
    """An agent below us writes a ``baggage`` of its own over what is there, as OpenTelemetry's does."""
    hook = importlib.import_module("meshrun_hooks.urllib3")

    def wrapper(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        kwargs["headers"] = dict(kwargs.get("headers") or {}, baggage="other=1", traceparent="00-1")
        return wrapped(*args, **kwargs)

    bare = vars(urllib3.HTTPConnectionPool)["_make_request"]
    wrapt.wrap_function_wrapper(urllib3.HTTPConnectionPool, "urlopen", wrapper)
    hook.patch()
    hook.patch()
    manager = urllib3.PoolManager()
    statuses = [manager.request("GET", "http://orders/x").status for _ in range(2)]
    statuses.append(manager.request("GET", "http://orders/redirect?to=/there").status)
    hook.unpatch()
    restored = vars(urllib3.HTTPConnectionPool)["_make_request"] is bare
    return dict(_state(), statuses=statuses, restored=restored)
