"""The client contract: where calls go and what they carry."""

from __future__ import annotations

from typing import List

from tests.contract.client_base import GRAY, LANE, Authority, ClientTests, served, statuses, wire
from tests.contract.mesh import Mesh, gets


class Routing(ClientTests):
    """Instances, lanes, headers, redirects, proxies."""

    def test_calls_spread_over_the_instances_with_one_connection_each(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 3)
        result = mesh.run(self.driver, "counted", {"asks": gets(["http://orders/x?y=1"] * 40)})
        assert statuses(result["results"]) == [200] * 40
        assert sum(served(servers)) == 40
        assert all(served(servers))
        assert [server.accepted for server in servers] == [1, 1, 1]
        assert result["counts"] == {"orders.default   2xx baseline": 40}
        assert (result["inflight"], result["errors"], mesh.said) == (0, {}, "")

    def test_the_app_and_the_server_see_the_name_that_the_app_wrote(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        mesh.alias("legacy.corp.example:8080", "orders")
        urls = ["http://orders/a", "http://orders:8080/b", "http://orders.mesh/c", "http://legacy.corp.example:8080/d"]
        results = mesh.run(self.driver, "calls", {"asks": gets(urls)})
        assert statuses(results) == [200] * 4
        hosts = [seen.header("host") for seen in server.seen]
        assert hosts == [["orders"], ["orders:8080"], ["orders.mesh"], ["legacy.corp.example:8080"]]
        assert [seen.target for seen in server.seen] == ["/a", "/b", "/c", "/d"]
        assert all(result["url"] in (url, url[-2:]) for result, url in zip(results, urls))
        assert [seen.header("x-meshrun-caller") for seen in server.seen] == [["-"]] * 4

    def test_a_lane_is_reached_with_its_colour_and_the_same_client_goes_back_to_baseline(self, mesh: Mesh) -> None:
        base, gray = mesh.service("orders", 2), mesh.service("orders", 1, {"lane": "gray"}, label="gray")
        plan = {"asks": gets(["http://orders/"] * 9), "inbound": ([[LANE], [], [["baggage", "lane=other"]]] * 3)}
        results = mesh.run(self.driver, "coloured", plan, {"MESHRUN_SERVICE": "web"})
        assert statuses(results) == [200] * 9
        assert (served(gray), sum(served(base))) == ([3], 6)
        assert all(seen.header("baggage") == ["lane=gray"] for seen in gray[0].seen)
        seen = [seen for server in base for seen in server.seen]
        assert sorted(seen.header("baggage") for seen in seen) == [
            [],
            [],
            [],
            ["lane=other"],
            ["lane=other"],
            ["lane=other"],
        ]
        assert all(one.header("x-meshrun-caller") == ["web.default"] for one in seen + gray[0].seen)

    def test_lanes_do_not_mix_on_a_client_shared_by_threads(self, mesh: Mesh) -> None:
        self.need("threads")
        base, gray = mesh.service("orders", 2), mesh.service("orders", 1, {"lane": "gray"}, label="gray")
        lanes: List[List[List[str]]] = [[LANE], [], [LANE], []]
        result = mesh.run(self.driver, "threads", {"asks": gets(["http://orders/"] * 15), "inbound": lanes})
        for lane, results in zip(lanes, result["results"]):
            names = {dict(one["headers"])["x-server"] for one in results}
            assert names <= ({"gray-0"} if lane else {"orders-0", "orders-1"})
        assert (len(gray[0].seen), sum(served(base)), result["inflight"]) == (30, 30, 0)

    def test_a_header_that_the_app_set_wins_and_its_object_stays_as_it_is(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        headers = {"X-One": "1", "Baggage": "lane=mine,other=2", "X-Two": "2"}
        asks = [{"url": "http://orders/", "headers": headers}]
        result = mesh.run(self.driver, "untouched_headers", {"asks": asks}, GRAY)
        assert (result["status"], result["same"]) == (200, True)
        assert server.seen[1].header("baggage") == ["lane=mine,other=2"]
        assert (server.seen[1].header("x-one"), server.seen[1].header("x-two")) == (["1"], ["2"])

    def test_a_member_is_added_to_a_header_that_the_app_set(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        asks = [{"url": "http://orders/", "headers": {"Baggage": "other=2"}}]
        assert mesh.run(self.driver, "untouched_headers", {"asks": asks}, GRAY)["same"]
        [value] = server.seen[1].header("baggage")
        assert sorted(part.strip() for part in value.split(",")) == ["lane=gray", "other=2"]

    def test_a_host_outside_the_mesh_gets_exactly_the_bytes_that_it_gets_bare(self, mesh: Mesh) -> None:
        mesh.service("orders")
        bare, ours = mesh.server(), mesh.server()
        body = {"method": "POST", "body": "abcdefgh", "headers": {"X-One": "1"}}
        for server in (bare, ours):
            url = "http://127.0.0.1:%d/x" % server.port
            asks = [
                {"url": url},
                dict(body, url=url),
                dict(body, url=url, form="generator"),
                {"url": url, "method": "HEAD"},
            ]
            plan = {"asks": asks}
            run = (
                mesh.bare(self.driver, "calls", plan) if server is bare else mesh.run(self.driver, "calls", plan, GRAY)
            )
            assert statuses(run) == [200] * 4
        port = (str(bare.port).encode(), str(ours.port).encode())
        assert [(head.replace(*port), body) for head, body in wire(bare, ())] == wire(ours, ())
        assert (bare.accepted, ours.accepted) == (1, 1)

    def test_an_uncoloured_mesh_call_differs_by_the_caller_header_alone(self, mesh: Mesh) -> None:
        [ours] = mesh.service("orders")
        bare = mesh.server()
        mesh.alias("127.0.0.1:%d" % bare.port, "orders")
        url = "http://127.0.0.1:%d/x" % bare.port
        form = "generator" if "generator" in self.kind.can else "bytes"
        asks = [
            {"url": url, "headers": {"X-One": "1", "Accept": "a/b"}},
            {"url": url, "method": "POST", "body": "abcdefgh"},
            {"url": url, "method": "PUT", "body": "abcdefgh", "form": form},
            {"url": url, "method": "DELETE"},
        ]
        expected = mesh.bare(self.driver, "calls", {"asks": asks})
        results = mesh.run(self.driver, "calls", {"asks": asks})
        assert len(bare.seen) == len(ours.seen) == 4
        assert wire(ours) == wire(bare)
        assert all(seen.header("x-meshrun-caller") == ["-"] for seen in ours.seen)
        assert [result["url"] for result in results] == [result["url"] for result in expected]

    def test_a_redirect_inside_the_mesh_is_decided_anew(self, mesh: Mesh) -> None:
        [orders], [stock] = mesh.service("orders"), mesh.service("stock")
        asks = gets(["http://orders/redirect?to=http://stock/there"])
        result = mesh.run(self.driver, "counted", {"asks": asks, "options": {"follow": True}}, GRAY)
        assert statuses(result["results"]) == [200]
        assert [seen.header("baggage") for seen in (*orders.seen, *stock.seen)] == [["lane=gray"]] * 2
        assert result["counts"] == {
            "orders.default   3xx lane-fallback": 1, "stock.default   2xx lane-fallback": 1,
        } or sorted(result["counts"].values()) == [1, 1]  # fmt: skip

    def test_a_redirect_out_of_the_mesh_carries_nothing(self, mesh: Mesh) -> None:
        mesh.service("orders")
        outside = mesh.server()
        asks = gets(["http://orders/redirect?to=http://127.0.0.1:%d/there" % outside.port])
        result = mesh.run(self.driver, "counted", {"asks": asks, "options": {"follow": True}}, GRAY)
        assert statuses(result["results"]) == [200]
        [seen] = outside.seen
        assert not [name for name, _ in seen.headers if "meshrun" in name or "baggage" in name or "polaris" in name]
        assert sum(result["counts"].values()) == 1

    def test_a_redirect_into_the_mesh_is_routed(self, mesh: Mesh) -> None:
        [orders] = mesh.service("orders")
        outside = mesh.server()
        asks = gets(["http://127.0.0.1:%d/redirect?to=http://orders/there" % outside.port])
        result = mesh.run(self.driver, "counted", {"asks": asks, "options": {"follow": True}}, GRAY)
        assert statuses(result["results"]) == [200]
        assert orders.seen[0].header("baggage") == ["lane=gray"]
        assert outside.seen[0].header("baggage") == []
        assert sum(result["counts"].values()) == 1

    def test_each_retry_of_the_library_is_one_decision(self, mesh: Mesh) -> None:
        self.need("retries")
        [server] = mesh.service("orders")
        plan = {"asks": gets(["http://orders/flaky/2"]), "options": {"retries": 3}}
        result = mesh.run(self.driver, "counted", plan)
        assert statuses(result["results"]) == [200]
        assert len(server.seen) == 3
        assert (sum(result["counts"].values()), result["inflight"]) == (3, 0)
        assert sorted(key.split()[1] for key in result["counts"]) == ["2xx", "5xx"]

    def test_a_streamed_response_arrives_whole_and_its_connection_is_used_again(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        plan = {"asks": gets(["http://orders/stream/50"] * 3, stream=True)}
        result = mesh.run(self.driver, "counted", plan)
        assert [len(one["body"]) for one in result["results"]] == [50 * 8 * 128] * 3
        assert (server.accepted, result["inflight"]) == (1, 0)

    def test_a_call_through_a_proxy_is_coloured_and_goes_to_the_proxy(self, mesh: Mesh) -> None:
        self.need("proxy")
        [server] = mesh.service("orders")
        proxy = mesh.server("proxy")
        outside = "http://outside.example/x"
        plan = {"asks": gets(["http://orders/x", outside]), "options": {"proxy": "http://127.0.0.1:%d" % proxy.port}}
        result = mesh.run(self.driver, "counted", plan, GRAY)
        assert statuses(result["results"]) == [200, 200]
        assert [seen.target for seen in proxy.seen] == ["http://orders/x", outside]
        assert [seen.header("baggage") for seen in proxy.seen] == [["lane=gray"], []]
        assert (served([server]), result["inflight"]) == ([0], 0)
        assert result["counts"] == {"orders.default   2xx proxy": 1}

    def test_a_tunnel_and_its_connect_carry_nothing(self, mesh: Mesh, authority: Authority) -> None:
        self.need("proxy")
        server = mesh.server("far", authority.context("orders"))
        mesh.service("orders", 1, tls=authority.context("orders"))
        proxy = mesh.server("proxy")
        options = {"proxy": "http://127.0.0.1:%d" % proxy.port, "ca": authority.file}
        plan = {"asks": gets(["https://orders:%d/x" % server.port]), "options": options}
        results = mesh.run(self.driver, "calls", plan, GRAY)
        assert statuses(results) == [200]
        assert proxy.connects == ["orders:%d" % server.port]
        for seen in (*proxy.seen, *server.seen):
            assert not [name for name, _ in seen.headers if "meshrun" in name or "baggage" in name]
