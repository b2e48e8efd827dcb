"""The client contract: instances that fail, and failures of our own."""

from __future__ import annotations

import pytest

from tests.contract.client_base import GRAY, PREFERRED, ClientTests, served, statuses
from tests.contract.mesh import Mesh, gets
from tests.contract.servers import black_hole, refused


class Failure(ClientTests):
    """What the app sees when an instance, a rule or we fail."""

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
        plan = {"asks": gets(["http://orders/slow/15", "http://orders/", "http://orders/"]), "after": 1.5}
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

    @pytest.mark.parametrize(
        "place",
        [
            "meshrun.runtime.outbound:route.decide",
            "meshrun.runtime.headers:Headers.outgoing",
            "meshrun.runtime.outbound:Call.connect_timeout",
            "meshrun.runtime.outbound:Call.next",
            "meshrun.runtime.outbound:Call._counter",
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
