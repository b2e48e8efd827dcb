"""The client contract: connections, limits and TLS."""

from __future__ import annotations

import contextlib
from typing import Dict, List, Sequence

from tests.contract.client_base import GRAY, Authority, ClientTests, served, statuses
from tests.contract.mesh import Mesh, gets
from tests.contract.servers import Echo, until

SPREAD = ["http://orders/"] * 60
"""Each of three instances gets one of so many calls, but for once in ten thousand million runs."""


class Connections(ClientTests):
    """Which connection serves which call."""

    def test_a_connection_that_idled_longer_than_the_provider_keeps_it_is_not_used(self, mesh: Mesh) -> None:
        [short] = mesh.service("short", keepalive=0.4)
        [long] = mesh.service("long", keepalive=60.0)
        plan = {"asks": gets(["http://short/", "http://long/"] * 3), "pause": 0.45}
        assert statuses(mesh.run(self.driver, "calls", plan)) == [200] * 6
        assert (short.accepted, long.accepted) == (3, 1)

    def test_idle_connections_to_an_instance_that_drains_are_closed(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        opened: List[Dict[str, int]] = []

        def look() -> None:
            if any(seen.target == "/last" for server in servers for seen in server.seen[-1:]):
                until(lambda: sum(server.open for server in servers) == 1)
                opened.append({server.name: server.open for server in servers})

        for server in servers:
            server.on_change = look
        urls = ["http://orders/"] * 12 + ["http://orders/drain"] + ["http://orders/"] * 6 + ["http://orders/last"]
        assert statuses(mesh.run(self.driver, "calls", {"asks": gets(urls)})) == [200] * 20
        [drained] = [server.name for server in servers if any(seen.target == "/drain" for seen in server.seen)]
        [last] = opened
        assert (last[drained], sum(last.values())) == (0, 1)
        assert [server.accepted for server in servers] == [1, 1]

    def test_a_server_that_ends_keep_alive_is_dialled_again(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        results = mesh.run(self.driver, "calls", {"asks": gets(["http://orders/close"] * 8)})
        assert statuses(results) == [200] * 8
        assert [server.accepted for server in servers] == served(servers)

    def test_a_dropped_client_closes_its_sockets_without_a_collection(self, mesh: Mesh) -> None:
        mesh.service("orders", 3)
        shown = {"PYTHONWARNINGS": "always::ResourceWarning"}
        counts = mesh.run(self.driver, "dropped", {"asks": gets(SPREAD)}, shown)
        warned = "ResourceWarning" in mesh.said
        bare = [mesh.server() for _ in range(3)]
        plan = {"asks": gets(["http://127.0.0.1:%d/" % one.port for one in bare])}
        expected = mesh.bare(self.driver, "dropped", plan, shown)
        assert not warned or "ResourceWarning" in mesh.said
        assert counts["during"] - counts["before"] == expected["during"] - expected["before"] == 3
        assert counts["after"] - counts["before"] == expected["after"] - expected["before"]

    def test_a_closed_client_closes_its_sockets(self, mesh: Mesh) -> None:
        mesh.service("orders", 3)
        counts = mesh.run(self.driver, "closed", {"asks": gets(SPREAD)})
        assert counts["during"] - counts["before"] == 3
        assert counts["after"] == counts["before"]

    def test_the_limit_of_the_client_stays_a_total_of_the_service(self, mesh: Mesh) -> None:
        self.need("limit")
        servers = mesh.service("orders", 3)
        gate = _Gauge(servers)
        with gate:
            plan = {"asks": gets(["http://orders/slow/0.1"] * 12), "options": {"limit": 2}}
            result = mesh.run(self.driver, "counted_together", plan)
        assert statuses(result["results"]) == [200] * 12
        assert sum(server.peak for server in servers) >= 2
        assert gate.most <= 2
        assert result["inflight"] == 0

    def test_tls_keeps_the_name_in_sni_and_in_the_verification(self, mesh: Mesh, authority: Authority) -> None:
        base = mesh.service("orders", 1, tls=authority.context("orders"))
        gray = mesh.service("orders", 1, {"lane": "gray"}, tls=authority.context("orders"))
        plan = {"asks": gets(["https://orders/"] * 3), "options": {"ca": authority.file}}
        results = mesh.run(self.driver, "calls", plan, GRAY)
        assert statuses(results) == [200] * 3
        assert (served(base), served(gray), gray[0].names) == ([0], [3], ["orders"])

    def test_a_certificate_for_another_name_fails_as_bare_and_is_no_reason_to_move_on(
        self, mesh: Mesh, authority: Authority
    ) -> None:
        servers = mesh.service("orders", 2, tls=authority.context("stock"))
        plan = {"asks": gets(["https://orders/"]), "options": {"ca": authority.file}}
        result = mesh.run(self.driver, "counted", plan)
        assert "doesn't match" in result["results"][0]["text"] or "not valid for" in result["results"][0]["text"]
        assert sum(server.accepted for server in servers) == 1
        assert (result["inflight"], sum(result["counts"].values())) == (0, 1)

    def test_a_connection_verified_for_one_name_never_serves_another(self, mesh: Mesh, authority: Authority) -> None:
        [server] = mesh.service("orders", 1, tls=authority.context("orders"))
        mesh.instance("stock", server.address, tls=True)
        plan = {
            "asks": gets(["https://orders/", "https://stock/", "https://orders/"]),
            "options": {"ca": authority.file},
        }
        results = mesh.run(self.driver, "calls", plan)
        assert [result["status"] for result in results] == [200, None, 200]
        assert len(server.seen) == 2


class _Gauge(contextlib.ExitStack):
    """Watches how many requests several servers serve at the same time, all together."""

    def __init__(self, servers: Sequence[Echo]) -> None:
        super().__init__()
        self.most = 0
        for server in servers:
            server.on_change = self._changed
        self._servers = servers

    def _changed(self) -> None:
        self.most = max(self.most, sum(server.now for server in self._servers))
