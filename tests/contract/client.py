"""The contract of every client hook, run against the real library through its driver (`drivers`).

A library's test module subclasses `ClientContract` and names its driver. Every app runs in a process of its own.
"""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Any, ClassVar, Dict, Iterator, List, Sequence, Tuple

import pytest
import trustme

from tests.contract import drivers
from tests.contract.mesh import Mesh, gets, mesh
from tests.contract.servers import Echo, black_hole, refused

GRAY = {"MESHRUN_LANE": "gray"}
"""An app whose calls are in the lane gray."""
LANE = ["baggage", "lane=gray"]
PREFERRED = 10000
"""The weight of an instance that is tried first."""


def served(servers: Sequence[Echo]) -> List[int]:
    """Requests that each server saw."""
    return [len(server.seen) for server in servers]


def statuses(results: Sequence[Dict[str, Any]]) -> List[Any]:
    """The status or the error of each result."""
    return [result["status"] or result["error"] for result in results]


def wire(server: Echo, leave: Sequence[str] = ("x-meshrun-caller",)) -> List[Tuple[bytes, bytes]]:
    """Heads and bodies as they were on the wire, lines of the named headers left out."""
    found = []
    for seen in server.seen:
        lines = seen.head.split(b"\r\n")
        kept = [line for line in lines if line.split(b":")[0].decode("latin-1").lower() not in leave]
        found.append((b"\r\n".join(kept), seen.body))
    return found


class Authority:
    """A private certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.file = str(folder / "authority.pem")
        self._authority.cert_pem.write_to_path(self.file)

    def context(self, *names: str) -> ssl.SSLContext:
        """A server's side with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context


class ClientContract:
    """What holds for every client library."""

    driver: ClassVar[str]

    @pytest.fixture
    def mesh(self, tmp_path: Path) -> Iterator[Mesh]:
        """An empty mesh."""
        with mesh(tmp_path) as made:
            yield made

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        """Somebody who signs certificates."""
        return Authority(tmp_path)

    @property
    def kind(self) -> type[drivers.Driver]:
        """The driver class."""
        return drivers.load(self.driver)

    def need(self, *features: str) -> None:
        """Skip where the library cannot do this at all."""
        missing = set(features) - self.kind.can
        if missing:
            pytest.skip("%s has no %s" % (self.driver, ", ".join(sorted(missing))))

    # Routing

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
        assert server.seen[0].header("baggage") == ["lane=mine,other=2"]
        assert (server.seen[0].header("x-one"), server.seen[0].header("x-two")) == (["1"], ["2"])

    def test_a_member_is_added_to_a_header_that_the_app_set(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        asks = [{"url": "http://orders/", "headers": {"Baggage": "other=2"}}]
        assert mesh.run(self.driver, "untouched_headers", {"asks": asks}, GRAY)["same"]
        [value] = server.seen[0].header("baggage")
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
        asks = [
            {"url": url, "headers": {"X-One": "1", "Accept": "a/b"}},
            {"url": url, "method": "POST", "body": "abcdefgh"},
            {"url": url, "method": "PUT", "body": "abcdefgh", "form": "generator"},
            {"url": url, "method": "DELETE"},
        ]
        expected = mesh.bare(self.driver, "calls", {"asks": asks})
        results = mesh.run(self.driver, "calls", {"asks": asks})
        assert len(bare.seen) == len(ours.seen) == 4
        assert wire(ours) == wire(bare)
        assert all(seen.header("x-meshrun-caller") == ["-"] for seen in ours.seen)
        assert [result["url"] for result in results] == [result["url"] for result in expected]

    # Redirects, retries, streams

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

    # Failure

    def test_a_dead_instance_is_passed_over_and_a_body_arrives_once(self, mesh: Mesh) -> None:
        for form in ("bytes", "generator", "file"):
            if form in self.kind.can or form == "bytes":
                self._dead_instance(mesh, form)

    def _dead_instance(self, mesh: Mesh, form: str) -> None:
        service = "orders-" + form
        with refused() as gone, refused() as lost:
            [server] = mesh.service(service, weight=1)
            for address in (gone, lost):
                mesh.instance(service, address, weight=PREFERRED)
            ask = {"url": "http://%s/" % service, "method": "POST", "body": "abcdefgh", "form": form}
            result = mesh.run(self.driver, "counted", {"asks": [ask] * 8})
        assert statuses(result["results"]) == [200] * 8
        assert [seen.body for seen in server.seen] == [b"abcdefgh"] * 8
        answered = {key: number for key, number in result["counts"].items() if " 2xx " in key}
        assert (sum(answered.values()), result["inflight"], result["errors"]) == (8, 0, {})
        assert any(" unsent " in key for key in result["counts"])

    def test_when_all_instances_are_dead_the_error_is_the_one_of_a_bare_call(self, mesh: Mesh) -> None:
        with refused() as written, refused() as gone, refused() as lost:
            mesh.instance("orders", gone)
            mesh.instance("orders", lost)
            mesh.alias("127.0.0.1:%d" % written[1], "orders")
            asks = gets(["http://127.0.0.1:%d/x" % written[1]] * 2)
            [expected, _] = mesh.bare(self.driver, "calls", {"asks": asks})
            result = mesh.run(self.driver, "counted", {"asks": asks})
        assert expected["error"] is not None
        assert result["results"] == [expected] * 2
        assert result["inflight"] == 0
        assert all(" unsent " in key for key in result["counts"])

    def test_a_black_holed_instance_is_passed_over_within_the_timeouts_of_the_app(self, mesh: Mesh) -> None:
        self.need("connect")
        with black_hole() as hole:
            mesh.instance("orders", hole, weight=PREFERRED)
            [server] = mesh.service("orders", weight=1)
            plan = {"asks": gets(["http://orders/"] * 6), "options": {"connect": 2.0, "read": 30.0}}
            result = mesh.run(self.driver, "counted", plan)
        assert statuses(result["results"]) == [200] * 6
        assert len(server.seen) == 6
        assert any(" unsent " in key for key in result["counts"])

    def test_an_app_without_timeouts_is_not_held_by_a_black_hole(self, mesh: Mesh) -> None:
        with black_hole() as hole:
            mesh.instance("orders", hole, weight=PREFERRED)
            [server] = mesh.service("orders", weight=1)
            result = mesh.run(self.driver, "counted", {"asks": gets(["http://orders/"] * 4)})
        assert statuses(result["results"]) == [200] * 4
        assert len(server.seen) == 4
        assert any(" unsent " in key for key in result["counts"])

    def test_a_send_may_take_longer_than_a_connect_while_another_instance_is_left(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        ask = {"url": "http://orders/lazy/3.5", "method": "POST", "body": "x" * (16 << 20)}
        result = mesh.run(self.driver, "counted", {"asks": [ask]})
        assert statuses(result["results"]) == [200]
        assert sum(len(seen.body) for server in servers for seen in server.seen) == 16 << 20

    def test_a_total_timeout_is_shared_by_all_tries(self, mesh: Mesh) -> None:
        self.need("total")
        with black_hole() as one, black_hole() as two, black_hole() as written:
            mesh.instance("orders", one)
            mesh.instance("orders", two)
            mesh.alias("127.0.0.1:%d" % written[1], "orders")
            plan = {"asks": gets(["http://127.0.0.1:%d/" % written[1]]), "options": {"total": 1.0}}
            [expected] = mesh.bare(self.driver, "calls", plan)
            [result] = mesh.run(self.driver, "calls", plan)
        assert result == expected

    def test_a_call_that_the_rules_refuse_fails_as_a_connection_does(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        mesh.rules(("Lane/default/gray", "kind: Lane\nname: gray\nfallback: strict\n"))
        with refused() as gone:
            [expected] = mesh.bare(self.driver, "calls", {"asks": gets(["http://127.0.0.1:%d/" % gone[1]])})
        result = mesh.run(self.driver, "counted", {"asks": gets(["http://orders/"] * 2)}, GRAY)
        assert [one["error"] for one in result["results"]] == [expected["error"]] * 2
        assert "lane-strict" in result["results"][0]["text"]
        assert (server.accepted, result["inflight"]) == (0, 0)
        assert list(result["counts"].values()) == [2]

    def test_a_service_without_an_instance_goes_where_the_app_sent_it(self, mesh: Mesh) -> None:
        server = mesh.server()
        mesh.alias("127.0.0.1:%d" % server.port, "ghost")
        result = mesh.run(self.driver, "counted", {"asks": gets(["http://127.0.0.1:%d/" % server.port] * 3)}, GRAY)
        assert statuses(result["results"]) == [200] * 3
        assert [seen.header("baggage") for seen in server.seen] == [["lane=gray"]] * 3
        assert (server.accepted, sum(result["counts"].values()), result["inflight"]) == (1, 3, 0)
        assert all(key.endswith(" no-instance") for key in result["counts"])

    def test_an_instance_that_says_it_drains_gets_no_further_call(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        results = mesh.run(self.driver, "calls", {"asks": gets(["http://orders/drain"] * 2 + ["http://orders/"] * 20)})
        assert statuses(results) == [200] * 22
        first = {dict(result["headers"])["x-server"] for result in results[:1]}
        assert first.isdisjoint(dict(result["headers"])["x-server"] for result in results[1:2])
        assert sum(served(servers)) == 22

    def test_a_cancelled_call_is_given_back(self, mesh: Mesh) -> None:
        self.need("cancel")
        [server] = mesh.service("orders")
        plan = {"asks": gets(["http://orders/slow/15", "http://orders/", "http://orders/"]), "after": 0.3}
        result = mesh.run(self.driver, "cancelled", plan)
        assert statuses(result["results"]) == [200, 200]
        assert (len(server.seen), result["inflight"], sum(result["counts"].values())) == (3, 0, 3)

    def test_a_read_that_times_out_fails_as_bare_and_is_sent_once(self, mesh: Mesh) -> None:
        self.need("connect")
        [ours] = mesh.service("orders")
        bare = mesh.server()
        mesh.alias("127.0.0.1:%d" % bare.port, "orders")
        plan = {"asks": gets(["http://127.0.0.1:%d/slow/15" % bare.port]), "options": {"connect": 5.0, "read": 0.4}}
        [expected] = mesh.bare(self.driver, "calls", plan)
        result = mesh.run(self.driver, "counted", plan)
        assert result["results"] == [expected]
        assert (len(ours.seen), len(bare.seen), result["inflight"]) == (1, 1, 0)

    # Failures of our own

    @pytest.mark.parametrize(
        "place",
        [
            "meshrun.runtime.outbound:route.decide",
            "meshrun.runtime.outbound:Call.set_headers",
            "meshrun.runtime.outbound:Call.connect_timeout",
            "meshrun.runtime.outbound:Call.next",
            "meshrun.runtime.outbound:Call.done",
        ],
    )
    def test_a_failure_of_ours_leaves_the_call_to_run_once(self, mesh: Mesh, place: str) -> None:
        written = mesh.server()
        [server] = mesh.service("orders")
        mesh.alias("127.0.0.1:%d" % written.port, "orders")
        asks = [{"url": "http://127.0.0.1:%d/" % written.port, "method": "POST", "body": "abc"}] * 3
        result = mesh.run(self.driver, "sabotaged", {"asks": asks, "break": [place]})
        assert statuses(result["results"]) == [200] * 3
        assert len(written.seen) + len(server.seen) == 3
        lines = [line for line in mesh.said.splitlines() if line]
        assert all(line.startswith("meshrun: ") and "broken on purpose" in line for line in lines)
        assert len(lines) <= 1

    # Connections

    def test_a_connection_that_idled_longer_than_the_provider_keeps_it_is_not_used(self, mesh: Mesh) -> None:
        [short] = mesh.service("short", keepalive=0.4)
        [long] = mesh.service("long", keepalive=60.0)
        plan = {"asks": gets(["http://short/", "http://long/"] * 3), "pause": 0.45}
        assert statuses(mesh.run(self.driver, "calls", plan)) == [200] * 6
        assert (short.accepted, long.accepted) == (3, 1)

    def test_a_server_that_ends_keep_alive_is_dialled_again(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        results = mesh.run(self.driver, "calls", {"asks": gets(["http://orders/close"] * 8)})
        assert statuses(results) == [200] * 8
        assert [server.accepted for server in servers] == served(servers)

    def test_a_dropped_client_closes_its_sockets_without_a_collection(self, mesh: Mesh) -> None:
        mesh.service("orders", 3)
        shown = {"PYTHONWARNINGS": "always::ResourceWarning"}
        counts = mesh.run(self.driver, "dropped", {"asks": gets(["http://orders/"] * 20)}, shown)
        warned = "ResourceWarning" in mesh.said
        bare = [mesh.server() for _ in range(3)]
        plan = {"asks": gets(["http://127.0.0.1:%d/" % one.port for one in bare])}
        expected = mesh.bare(self.driver, "dropped", plan, shown)
        assert not warned or "ResourceWarning" in mesh.said
        assert counts["during"] - counts["before"] == expected["during"] - expected["before"] == 3
        assert counts["after"] - counts["before"] == expected["after"] - expected["before"]

    def test_a_closed_client_closes_its_sockets(self, mesh: Mesh) -> None:
        mesh.service("orders", 3)
        counts = mesh.run(self.driver, "closed", {"asks": gets(["http://orders/"] * 20)})
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

    # TLS

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

    # Proxies

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

    # The library as the app knows it

    def test_patching_late_works_is_idempotent_and_is_taken_back(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        written = mesh.server()
        mesh.alias("127.0.0.1:%d" % written.port, "orders")
        plan = {"asks": gets(["http://127.0.0.1:%d/" % written.port] * 4)}
        result = mesh.run(self.driver, "patching", plan, door=False)
        assert {key: result[key] for key in ("patched", "idempotent", "restored", "signatures")} == dict.fromkeys(
            ("patched", "idempotent", "restored", "signatures"), True
        )
        assert (sum(served(servers)), len(written.seen)) == (4, 4)
        assert sum(result["result"]["counts"].values()) == 4
        assert sum(result["state"]["counts"].values()) == 4

    def test_names_and_modules_of_the_seams_are_those_of_the_library(self, mesh: Mesh) -> None:
        mesh.service("orders")
        result = mesh.run(self.driver, "patching", {"asks": []}, door=False)
        for _, qualified, module in result["named"]:
            assert "<locals>" not in qualified
            assert "meshrun" not in module

    def test_the_wrapper_of_another_agent_above_ours_survives(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        written = mesh.server()
        mesh.alias("127.0.0.1:%d" % written.port, "orders")
        plan = {"asks": gets(["http://127.0.0.1:%d/" % written.port] * 4)}
        result = mesh.run(self.driver, "wrapped_above", plan)
        assert statuses(result["first"]["results"]) == [200] * 4
        assert (sum(result["first"]["counts"].values()), sum(served(servers)) >= 4) == (4, True)
        assert (result["kept"], result["more"], statuses(result["second"])) == (True, True, [200] * 4)

    def test_the_wrapper_of_another_agent_below_ours_is_still_called(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        result = mesh.run(self.driver, "wrapped_below", {"asks": gets(["http://orders/"] * 4)}, door=False)
        assert statuses(result["first"]["results"]) == [200] * 4
        assert (sum(served(servers)), sum(result["first"]["counts"].values())) == (4, 4)
        assert (bool(result["seen"]), result["kept"]) == (True, True)

    def test_objects_pickle_and_keep_their_classes(self, mesh: Mesh) -> None:
        mesh.service("orders", 2)
        result = mesh.run(self.driver, "pickled", {"asks": gets(["http://orders/"] * 4)})
        assert statuses(result["before"]) == [200] * 4
        assert result["again"] == result["names"]
        assert all(result["right"])


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
