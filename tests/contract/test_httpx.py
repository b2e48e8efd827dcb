"""httpx under the client contract, and what only it has."""

from __future__ import annotations

import socket
import socketserver
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.contract.client import GRAY, ClientContract, served
from tests.contract.h2server import H2Server
from tests.contract.mesh import Mesh
from tests.contract.servers import refused

EXTRA = "tests.contract.extra_httpx:"


class TestHttpx(ClientContract):
    """The contract, by its driver."""

    driver: ClassVar[str] = "httpx"

    def test_trace_events_show_the_name_that_the_app_wrote(self, mesh: Mesh) -> None:
        mesh.service("orders")
        written = mesh.server()
        mesh.alias("127.0.0.1:%d" % written.port, "orders")
        url = "http://127.0.0.1:%d/x" % written.port
        expected = mesh.bare(self.driver, EXTRA + "traced", {"url": url})
        result = mesh.run(self.driver, EXTRA + "traced", {"url": url})
        assert len(written.seen) == 1
        assert result == expected

    def test_transports_without_a_tcp_connection_are_untouched(self, mesh: Mesh, tmp_path: Path) -> None:
        mesh.service("orders")
        with unix_server(tmp_path / "app.sock") as path:
            result = mesh.run(self.driver, EXTRA + "untouched", {"uds": path}, GRAY)
        assert not [name for name in result["mock"] if "meshrun" in name or "baggage" in name]
        assert "meshrun" not in result["asgi"]
        assert "baggage" not in result["asgi"]
        assert (result["uds"], result["counts"]) == ("unix", {})

    def test_max_connections_stays_a_total_and_a_pool_timeout_is_no_reason_to_move_on(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 3)
        plan = {"urls": ["http://orders/slow/0.05"] * 10, "slow": "http://orders/slow/1.5"}
        result = mesh.run(self.driver, EXTRA + "pooled", plan)
        assert result["results"] == [200] * 10 + ["PoolTimeout", 200, 200]
        assert sum(served(servers)) == 12
        assert result["inflight"] == 0
        assert sum(result["counts"].values()) == 13

    def test_connect_retries_of_the_transport_stay(self, mesh: Mesh) -> None:
        with refused() as gone, refused() as lost:
            mesh.instance("orders", gone)
            mesh.instance("ghost", lost)
            [server] = mesh.service("orders")
            plan = {"urls": ["http://orders/"] * 4 + ["http://ghost/"]}
            result = mesh.run(self.driver, EXTRA + "retried", plan)
        assert result["results"] == [200] * 4 + ["ConnectError"]
        assert [seen.body for seen in server.seen] == [b"abc"] * 4
        assert result["inflight"] == 0

    def test_a_streamed_response_is_in_flight_until_it_is_closed(self, mesh: Mesh) -> None:
        mesh.service("orders")
        result = mesh.run(self.driver, EXTRA + "streaming", {"url": "http://orders/stream/9"})
        assert result["seen"] == [1, 0, 1, 0, 1, 0]
        assert (result["inflight"], sum(result["counts"].values()), result["errors"]) == (0, 3, {})

    def test_http_2_keeps_the_name_in_authority_and_moves_on_from_a_dead_instance(
        self, mesh: Mesh, authority: Any
    ) -> None:
        server = H2Server(authority.context("orders"))
        try:
            with refused() as gone:
                mesh.instance("orders", server.address, tls=True)
                mesh.instance("orders", gone, tls=True)
                urls = ["https://orders:8443/%d" % number for number in range(6)]
                result = mesh.run(self.driver, EXTRA + "http2", {"urls": urls, "ca": authority.file}, GRAY)
        finally:
            server.stop()
        assert result["results"] == [[200, "HTTP/2", url] for url in urls]
        assert {seen[":authority"] for seen in server.seen} == {"orders:8443"}
        assert [seen["baggage"] for seen in server.seen] == ["lane=gray"] * 6
        assert (server.accepted, result["inflight"], result["errors"]) == (1, 0, {})

    @pytest.mark.parametrize("refuses", ["stream", "all"])
    def test_what_an_instance_refuses_to_look_at_goes_to_the_next_one(
        self, mesh: Mesh, authority: Any, refuses: str
    ) -> None:
        good, bad = H2Server(authority.context("orders")), H2Server(authority.context("orders"), refuses=refuses)
        try:
            for server in (good, bad):
                mesh.instance("orders", server.address, tls=True)
            plan = {"url": "https://orders/", "bodies": ["", "abc"] * 8, "ca": authority.file}
            result = mesh.run(self.driver, EXTRA + "http2_refused", plan)
        finally:
            good.stop()
            bad.stop()
        assert result["results"] == [200] * 16
        assert (len(good.seen), result["inflight"], result["errors"]) == (16, 0, {})
        assert bad.seen

    def test_what_is_refused_and_cannot_be_sent_again_fails_as_bare(self, mesh: Mesh, authority: Any) -> None:
        bad, worse = (H2Server(authority.context("orders"), refuses="stream") for _ in range(2))
        try:
            for server in (bad, worse):
                mesh.instance("orders", server.address, tls=True)
            plan = {"url": "https://orders/", "bodies": ["once", "abc"], "ca": authority.file}
            result = mesh.run(self.driver, EXTRA + "http2_refused", plan)
        finally:
            bad.stop()
            worse.stop()
        assert result["results"] == ["RemoteProtocolError"] * 2
        assert (len(bad.seen) + len(worse.seen), result["inflight"], result["errors"]) == (3, 0, {})

    def test_few_kept_connections_are_not_shared_out_over_many_instances(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 20)
        plan = {"url": "http://orders/", "keep": 8, "calls": 60}
        result = mesh.run(self.driver, EXTRA + "windowed", plan)
        assert result["results"] == [200] * 60
        assert sum(server.accepted for server in servers) <= 16

    def test_it_works_on_trio(self, mesh: Mesh) -> None:
        pytest.importorskip("trio")
        with refused() as gone:
            mesh.instance("orders", gone)
            [server] = mesh.service("orders")
            plan = {"urls": ["http://orders/"] * 6, "slow": "http://orders/slow/15"}
            result = mesh.run(self.driver, EXTRA + "on_trio", plan)
        assert result["results"] == [200] * 6
        assert len(server.seen) >= 6
        assert (result["inflight"], result["errors"]) == (0, {})


class _Answer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 17\r\n\r\n{"server":"unix"}')


class unix_server:  # noqa: N801 -- used as a function
    """A server on a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._server = socketserver.ThreadingUnixStreamServer(self._path, _Answer)
        assert self._server.address_family == socket.AF_UNIX

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self._path

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
