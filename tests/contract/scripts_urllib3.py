"""What apps do with urllib3 and requests that no other library has. Each function runs in a process of its own."""

from __future__ import annotations

import collections
import gc
import socket
import threading
from typing import Any, Dict, List

import requests
import requests.adapters
import urllib3
from urllib3._collections import HTTPHeaderDict

from tests.contract.scripts import Kind, Plan, _sockets, _state, outcome
from tests.contract.servers import until


def failed(call: Any) -> Dict[str, Any]:
    """How a call failed."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 -- whatever the library raises is the observation
        found = outcome(error)
        found["pool"] = str(getattr(error, "pool", None))
        return found
    return {}


def pools(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """A direct pool: what the app reads from it and from its responses."""
    with urllib3.HTTPConnectionPool(plan["host"], plan["port"], maxsize=4, headers={"X-Default": "1"}) as pool:
        responses = [pool.request("GET", "/x", preload_content=False) for _ in range(3)]
        same = all(getattr(response, "_pool") is pool for response in responses)  # noqa: B009 -- private to the types
        for response in responses:
            response.read()
            response.release_conn()
        pool.request("GET", "/x", headers={"X-Mine": "1"})
        changed = failed(lambda: pool.urlopen("GET", "http://other.example/x"))
        return {
            "same": same, "host": pool.host, "port": pool.port, "requests": pool.num_requests,
            "places": pool.pool.qsize() if pool.pool is not None else None,
            "text": str(pool), "same_host": pool.is_same_host("http://%s:%d/y" % (plan["host"], plan["port"])),
            "changed": changed,
        }  # fmt: skip


def places(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """A pool that blocks: its errors when it is full and when it is closed, and what it holds open."""
    pool = urllib3.HTTPConnectionPool(plan["host"], plan["port"], maxsize=2, block=True)
    before = _sockets()
    held = [pool.request("GET", "/x", preload_content=False) for _ in range(2)]
    soon: Any = 0.05
    full = failed(lambda: pool.urlopen("GET", "/x", pool_timeout=soon, retries=False))
    for response in held:
        response.read()
        response.release_conn()
    most = 0
    for _ in range(12):
        pool.request("GET", "/x")
        most = max(most, _sockets() - before)
    pool.close()
    closed = failed(lambda: pool.urlopen("GET", "/x", retries=False))
    return dict(_state(), full=full, closed=closed, most=most, after=_sockets() - before)


def headers(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Headers in the forms that urllib3 takes; whether the app's objects are as before."""
    pool = urllib3.HTTPConnectionPool(plan["host"], plan["port"], headers={"X-Default": "yes"})
    repeated = HTTPHeaderDict()
    repeated.add("X-Twice", "1")
    repeated.add("X-Twice", "2")
    ordered = collections.OrderedDict([("BAGGAGE", "other=1")])
    forms: List[Any] = [None, {}, repeated, {"BAGGAGE": "other=1"}, ordered]
    if plan["bytes"]:
        forms.append({b"x-bytes": "1", b"baggage": "other=1"})
    seen = [None if form is None else list(form.items()) for form in forms]
    statuses = [pool.urlopen("GET", "/x", headers=form).status for form in forms]
    return {"statuses": statuses, "same": seen == [None if form is None else list(form.items()) for form in forms]}


def untouched(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Pools whose connections do not go through the library's dial: a Unix socket, a fixed address."""

    class Fixed(urllib3.connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return socket.create_connection(("127.0.0.1", plan["fixed"]))

    class FixedPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Fixed

    class Through(urllib3.connection.HTTPConnection):
        def _new_conn(self) -> Any:
            sock = super()._new_conn()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return sock

    class ThroughPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Through

    fixed = [FixedPool("orders", 80).request("GET", "/fixed").status for _ in range(2)]
    through = [ThroughPool("orders", 80).request("GET", "/through").status for _ in range(2)]
    return dict(_state(), fixed=fixed, through=through)


def absolute(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Absolute URLs and redirects on a direct pool."""
    pool = urllib3.HTTPConnectionPool("orders", 80)
    first = pool.urlopen("GET", "http://orders:80/v2/x?a=1", redirect=False)
    second = pool.urlopen("GET", "/redirect?to=/there")
    third = pool.urlopen("POST", "/redirect?status=303&to=/there", body=b"abc", headers={"X-One": "1"})
    return dict(_state(), statuses=[first.status, second.status, third.status])


def mixed(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """One pool, calls that are routed and calls that go where the app sent them, in turn."""
    from meshrun import hook

    pool = urllib3.HTTPConnectionPool("127.0.0.1", plan["port"], maxsize=3)
    for place in range(10):
        with hook.inbound([("baggage", "lane=gray")] if place % 2 else [], "GET", "/", "127.0.0.1"):
            pool.request("GET", "/x")
    return dict(_state(), places=pool.pool.qsize() if pool.pool is not None else None)


def budget(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """The app's retries know nothing of instances that were passed over."""
    pool = urllib3.HTTPConnectionPool("orders", 80)
    histories = []
    for retries in (False, 0, urllib3.Retry(2)):
        response = pool.request("POST", "/x", body=b"abc", retries=retries)
        histories.append(len(response.retries.history) if response.retries is not None else 0)
    return dict(_state(), histories=histories)


def retried(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """The app's retries over an instance with a wrong certificate and one with a right one."""
    pool = urllib3.HTTPSConnectionPool("orders", 443, ca_certs=plan["ca"], cert_reqs="CERT_REQUIRED")
    retries = urllib3.Retry(total=40)
    tries = []
    for _ in range(20):
        response = pool.request("GET", "/close", retries=retries)
        tries.append(len(response.retries.history) + 1 if response.retries is not None else 0)
    return dict(_state(), tries=tries)


def stress(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Many threads on one pool that blocks and one that does not."""
    failures: List[str] = []
    before = _sockets()
    for block in (True, False):
        pool = urllib3.HTTPConnectionPool("orders", 80, maxsize=3, block=block)

        def work(pool: Any = pool) -> None:
            for _ in range(25):
                try:
                    pool.request("GET", "/x")
                except Exception as error:  # noqa: BLE001 -- any is a failure of the test
                    failures.append(repr(error))

        running = [threading.Thread(target=work) for _ in range(8)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        if pool.pool is None or pool.pool.qsize() != 3:
            failures.append("places lost")
        pool.close()
    return dict(_state(), failures=failures, after=_sockets() - before)


def gone(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Connections of an endpoint that has closed them are given up by later calls to others."""
    from meshrun import hook
    from meshrun_hooks.urllib3 import idle

    idle.SWEEP_SECONDS = 0.0
    pool = urllib3.HTTPConnectionPool("orders", 80, maxsize=3)
    before = _sockets()
    for _ in range(20):
        pool.request("GET", "/x")
    during = _sockets() - before
    socket.create_connection(("127.0.0.1", plan["control"])).close()  # first: it leaves the mesh
    process: Any = hook._process
    assert until(lambda: len(process.live.snapshot.instances["default/orders"]) == 1)
    socket.create_connection(("127.0.0.1", plan["control"])).close()  # second: it stops

    def given_up() -> bool:
        pool.request("GET", "/x")
        return _sockets() - before == 1

    return {"during": during, "given_up": until(given_up)}


def session(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """A requests Session: an adapter of the app's own, the prepared request after it was sent, nothing kept alive."""
    calls: List[str] = []

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append(request.url)
            return super().send(request, *args, **kwargs)

    gc.disable()
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", Adapter())
    request = made.prepare_request(requests.Request("GET", "http://orders/x", headers={"X-One": "1"}))
    sent = dict(request.headers)
    response = made.send(request)
    return {
        "calls": calls, "status": response.status_code,
        "same": response.request is request and dict(request.headers) == sent,
        "url": response.url, "adapter": type(made.get_adapter("http://orders/")).__name__,
    }  # fmt: skip


def verification(kind: Kind, plan: Plan) -> List[Any]:
    """A session that verifies, then does not, then does again. Bare, the name is resolved to a server's port by us."""
    if plan["bare"]:
        _resolve(plan["bare"])
    made = requests.Session()
    made.trust_env = False
    found: List[Any] = []
    urllib3.disable_warnings()
    for verify in (plan["ca"], False, plan["ca"]):
        try:
            found.append(made.get("https://orders/close", verify=verify).status_code)
        except requests.exceptions.SSLError:
            found.append("SSLError")
    return found


def _resolve(port: int) -> None:
    """Let every name lead to a port of the loopback."""
    dial = urllib3.util.connection.create_connection

    def create_connection(_: Any, *args: Any, **kwargs: Any) -> Any:
        return dial(("127.0.0.1", port), *args, **kwargs)

    urllib3.util.connection.create_connection = create_connection  # type: ignore[assignment]


class Descriptor:
    """Another agent's wrapper as some are: no function, and minding that `headers` is given by name."""

    def __init__(self, original: Any) -> None:
        self.original = original
        self.calls = 0

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            kwargs["headers"] = dict(kwargs.get("headers") or {}, **{"X-Agent": "1"})
            return self.original.__get__(instance, owner)(*args, **kwargs)

        return call


def descriptor(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """The seam is such a wrapper already when we come."""
    from meshrun_hooks import urllib3 as hook

    other = Descriptor(urllib3.HTTPConnectionPool.urlopen)
    urllib3.HTTPConnectionPool.urlopen = other  # type: ignore[assignment, method-assign]
    hook.patch()
    manager = urllib3.PoolManager()
    found = [manager.request("GET", "http://orders/x", headers=form).status for form in ({"X-One": "1"}, None)]
    session = requests.Session()
    session.trust_env = False
    found.append(session.get("http://orders/x").status_code)
    hook.unpatch()
    return dict(_state(), statuses=found, calls=other.calls, kept=vars(urllib3.HTTPConnectionPool)["urlopen"] is other)
