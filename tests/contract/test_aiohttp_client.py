"""aiohttp's client under the client contract, and what only it has."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, ClassVar, Iterator

import pytest
from aiohttp import web

from tests.contract.client import GRAY, ClientContract, served
from tests.contract.mesh import Mesh
from tests.contract.servers import black_hole, refused
from tests.contract.test_httpx import unix_server

EXTRA = "tests.contract.extra_aiohttp:"


@pytest.fixture
def chat() -> Iterator[Any]:
    """The address of a server that echoes WebSocket messages, and the headers that it was sent."""
    seen: Any = []

    async def echo(request: web.Request) -> web.WebSocketResponse:
        seen.append(request.headers)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_get("/chat", echo)
    runner = web.AppRunner(app)
    loop.run_until_complete(runner.setup())
    site = web.TCPSite(runner, "127.0.0.1", 0)
    loop.run_until_complete(site.start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield tuple(runner.addresses[0][:2]), seen
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    loop.close()


class TestAiohttp(ClientContract):
    """The contract, by its driver."""

    driver: ClassVar[str] = "aiohttp"

    def test_the_app_reads_the_headers_that_it_set(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        other = mesh.server()
        mesh.alias("127.0.0.1:%d" % other.port, "orders")
        url = "http://127.0.0.1:%d/" % other.port
        plan = {"url": url + "redirect?to=/there", "bad": url + "status/500"}
        expected = mesh.bare(self.driver, EXTRA + "own_headers", plan)
        result = mesh.run(self.driver, EXTRA + "own_headers", plan, GRAY)
        assert result["infos"] == expected["infos"]
        assert len(result["infos"]) == 3
        assert [seen.header("baggage") for seen in server.seen] == [["other=2,lane=gray"]] * 3
        assert (result["inflight"], result["errors"]) == (0, {})

    def test_trace_events_fire_as_for_an_address_without_a_resolver(self, mesh: Mesh) -> None:
        mesh.service("orders")
        plan: Any = {"urls": ["http://orders/"] * 2}
        events = mesh.run(self.driver, EXTRA + "traced", plan)["events"]
        assert events == [
            "connection_create_start", "connection_create_end", "request_end", "connection_reuseconn", "request_end",
        ]  # fmt: skip
        plan = {"urls": [], "together": ["http://orders/slow/0.1"] * 2, "limit": 1}
        events = mesh.run(self.driver, EXTRA + "traced", plan)["events"]
        assert [event for event in events if "queued" in event] == ["connection_queued_start", "connection_queued_end"]

    def test_a_websocket_is_routed_and_in_flight_while_it_is_open(self, mesh: Mesh, chat: Any) -> None:
        address, seen = chat
        mesh.instance("chat", address, {"lane": "gray"})
        result = mesh.run(self.driver, EXTRA + "websocket", {"url": "ws://chat/chat"}, GRAY)
        assert result["results"] == ["hello", 1]
        assert [headers["baggage"] for headers in seen] == ["lane=gray"]
        assert (result["inflight"], result["counts"]) == (0, {"chat.default lane=gray  1xx lane": 1})

    def test_connectors_of_other_kinds_are_left_alone_or_coloured(self, mesh: Mesh, tmp_path: Path) -> None:
        servers = mesh.service("orders", 2)
        written = mesh.server()
        mesh.alias("localhost:%d" % written.port, "orders")
        with unix_server(tmp_path / "app.sock") as path:
            plan = {"url": "http://localhost:%d/" % written.port, "uds": path}
            result = mesh.run(self.driver, EXTRA + "connectors", plan, GRAY)
        answers = result["results"]
        assert [answers[kind] for kind in ("unix", "socks", "named", "own", "family")] == [[200] * 3] * 5
        assert sum(served(servers)) == 6
        assert len(written.seen) in (6, 9)  # over IPv6 the name may lead nowhere
        assert all(seen.header("baggage") == ["lane=gray"] for seen in written.seen)
        assert (result["inflight"], result["errors"]) == (0, {})

    def test_places_are_given_back_by_calls_that_were_cancelled_or_came_too_late(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 3)
        for limits in ({"per_host": 2}, {"limit": 2}):
            plan = dict(limits, slow="http://orders/slow/1", url="http://orders/", connect=0.3)
            result = mesh.run(self.driver, EXTRA + "crowded", plan)
            late = result["results"].pop(5)
            assert late in ("ServerTimeoutError", "ConnectionTimeoutError")
            assert result["results"] == [200, 200, "CancelledError", 200, 200, 200, 200, 200, 200]
            assert (result["inflight"], result["errors"]) == (0, {})
        assert sum(server.peak for server in servers) >= 2

    def test_a_response_is_in_flight_until_its_connection_is_free(self, mesh: Mesh) -> None:
        mesh.service("orders")
        plan = {"url": "http://orders/stream/2000", "short": "http://orders/"}
        result = mesh.run(self.driver, EXTRA + "streaming", plan)
        assert result["results"][:3] == [1, 0, 0]
        assert result["counts"] == {"orders.default   2xx baseline": 3}
        assert (result["inflight"], result["errors"]) == (0, {})

    def test_a_black_hole_is_passed_over_within_whichever_timeout_the_app_set(self, mesh: Mesh) -> None:
        with black_hole() as hole:
            mesh.instance("orders", hole)
            [server] = mesh.service("orders")
            plan = {"url": "http://orders/", "timeouts": [{"connect": 2.0}, {"sock_connect": 2.0}, {"total": 4.0}]}
            result = mesh.run(self.driver, EXTRA + "waits", plan)
        assert result["results"] == [[200] * 4] * 3 + [[200] * 2]
        assert (len(server.seen), result["inflight"], result["errors"]) == (14, 0, {})

    def test_the_resolver_and_its_cache_never_hear_of_a_routed_call(self, mesh: Mesh) -> None:
        with refused() as gone:
            mesh.instance("orders", gone)
            [server] = mesh.service("orders")
            outside = mesh.server()
            other = "http://outside.example:%d/" % outside.port
            plan = {"urls": ["http://orders/", other, "http://orders/", other]}
            result = mesh.run(self.driver, EXTRA + "resolved", plan)
        assert result["results"] == [[200] * 4, ["outside.example"], ["outside.example"]]
        assert (len(server.seen), len(outside.seen)) == (2, 2)

    def test_functions_stay_coroutine_functions(self, mesh: Mesh) -> None:
        assert mesh.run(self.driver, EXTRA + "kinds", {}) == {"coroutines": [True] * 5}
