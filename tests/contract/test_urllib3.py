"""urllib3 under the client contract, and what only it has."""

from __future__ import annotations

import threading
from typing import Any, ClassVar, Dict, Mapping, Optional

from urllib3 import _version

from tests.contract.client import GRAY, Authority, ClientContract, served, statuses
from tests.contract.mesh import Mesh, gets
from tests.contract.servers import Echo, refused, until

HERE = "tests.contract.scripts_urllib3:"


class TestUrllib3(ClientContract):
    """The contract, by its driver."""

    driver: ClassVar[str] = "urllib3"

    def run(
        self, mesh: Mesh, script: str, plan: Optional[Mapping[str, Any]] = None, env: Optional[Dict[str, str]] = None
    ) -> Any:
        return mesh.run(self.driver, HERE + script, plan or {}, env)

    def test_a_direct_pool_reads_as_bare_while_its_calls_are_routed(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        bare = mesh.server()
        plan = {"host": "127.0.0.1", "port": bare.port}
        expected = mesh.bare(self.driver, HERE + "pools", plan)
        mesh.alias("127.0.0.1:%d" % bare.port, "orders")
        assert self.run(mesh, "pools", plan) == expected
        seen = [one for server in servers for one in server.seen]
        assert (len(bare.seen), len(seen)) == (4, 4)
        assert sorted(str(one.header("x-default")) for one in seen) == ["['1']", "['1']", "['1']", "[]"]

    def test_a_pool_that_blocks_keeps_its_limit_and_its_errors(self, mesh: Mesh) -> None:
        mesh.service("orders", 3)
        bare = mesh.server()
        plan = {"host": "127.0.0.1", "port": bare.port}
        expected = mesh.bare(self.driver, HERE + "places", plan)
        mesh.alias("127.0.0.1:%d" % bare.port, "orders")
        result = self.run(mesh, "places", plan)
        assert [result[key] for key in ("full", "closed", "after")] == [
            expected[key] for key in ("full", "closed", "after")
        ]
        assert "EmptyPoolError" in result["full"]["error"]
        assert (result["most"], result["inflight"]) == (2, 0)

    def test_headers_in_every_form_are_copied_and_kept_whole(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        plan = {"host": "orders", "port": 80, "bytes": _version.__version__.startswith("2.")}
        result = self.run(mesh, "headers", plan, GRAY)
        assert (set(result["statuses"]), result["same"]) == ({200}, True)
        default, empty, repeated, *folded = server.seen
        assert (default.header("x-default"), empty.header("x-default")) == (["yes"], [])
        assert repeated.header("x-twice") == ["1", "2"] or repeated.header("x-twice") == ["1, 2"]
        for seen in folded:
            [value] = seen.header("baggage")
            assert sorted(part.strip() for part in value.split(",")) == ["lane=gray", "other=1"]
        assert all(b"BAGGAGE: " in seen.head for seen in folded[:2])
        assert all(seen.header("x-meshrun-caller") == ["-"] for seen in server.seen)

    def test_connections_that_the_app_dials_itself_are_untouched(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        fixed = mesh.server()
        result = self.run(mesh, "untouched", {"fixed": fixed.port}, GRAY)
        assert (result["fixed"], result["through"]) == ([200, 200], [200, 200])
        assert [seen.header("baggage") for seen in fixed.seen] == [[], []]
        assert [seen.target for seen in server.seen] == ["/through", "/through"]
        assert (result["inflight"], result["errors"]) == (0, {})

    def test_absolute_urls_and_redirects_of_a_direct_pool(self, mesh: Mesh) -> None:
        old = mesh.service("orders", 1, {"version": "v1"}, label="old")
        new = mesh.service("orders", 1, {"version": "v2"}, label="new")
        rule = (
            "kind: Route\nname: split\nservice: orders\nrules:\n"
            "  - when: { path: { prefix: /v2 } }\n    to: [{ tags: { version: v2 } }]\n"
            "  - when: {}\n    to: [{ tags: { version: v1 } }]\n"
        )
        mesh.rules(("Route/default/split", rule))
        result = self.run(mesh, "absolute")
        assert result["statuses"] == [200] * 3
        assert [seen.target for seen in new[0].seen] == ["http://orders:80/v2/x?a=1"]
        assert [(seen.method, seen.target.partition("?")[0]) for seen in old[0].seen] == [
            ("GET", "/redirect"), ("GET", "/there"), ("POST", "/redirect"), ("GET", "/there"),
        ]  # fmt: skip
        assert (sum(result["counts"].values()), result["inflight"]) == (5, 0)
        assert all(seen.header("x-meshrun-caller") == ["-"] for seen in old[0].seen)

    def test_routed_and_unrouted_calls_of_one_pool_keep_their_connections(self, mesh: Mesh) -> None:
        [gray] = mesh.service("orders", 1, {"lane": "gray"})
        written = mesh.server()
        mesh.alias("127.0.0.1:%d" % written.port, "orders")
        result = self.run(mesh, "mixed", {"port": written.port})
        assert (served([gray]), served([written])) == ([5], [5])
        assert (gray.accepted, written.accepted, result["places"], result["inflight"]) == (1, 1, 3, 0)

    def test_the_apps_retries_are_not_spent_on_dead_instances(self, mesh: Mesh) -> None:
        with refused() as gone:
            mesh.instance("orders", gone)
            [server] = mesh.service("orders")
            result = self.run(mesh, "budget")
        assert (result["histories"], len(server.seen), result["inflight"]) == ([0, 0, 0], 3, 0)

    def test_each_of_the_apps_retries_is_counted_with_its_own_end(self, mesh: Mesh, authority: Authority) -> None:
        mesh.service("orders", 1, tls=authority.context("stock"))
        [right] = mesh.service("orders", 1, tls=authority.context("orders"))
        result = self.run(mesh, "retried", {"ca": authority.file})
        failed = sum(result["tries"]) - 20
        assert failed > 0
        assert result["counts"] == {"orders.default   2xx baseline": 20, "orders.default   error baseline": failed}
        assert (len(right.seen), result["inflight"]) == (20, 0)

    def test_a_retry_leaves_an_instance_whose_answer_said_that_it_drains(self, mesh: Mesh) -> None:
        services = [mesh.service("orders-%d" % number, 2) for number in range(6)]
        asks = gets(["http://orders-%d/status/503?drain=1" % number for number in range(6)])
        results = mesh.run(self.driver, "calls", {"asks": asks, "options": {"retries": 1}})
        assert statuses(results) == [503] * 6
        assert [served(servers) for servers in services] == [[1, 1]] * 6

    def test_a_pool_that_blocks_keeps_to_fewer_endpoints_than_its_limit(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 8)
        results = mesh.run(self.driver, "calls", {"asks": gets(["http://orders/"] * 40), "options": {"limit": 4}})
        assert statuses(results) == [200] * 40
        # A window of three, and perhaps one more: the first call made the pool one of ours.
        assert sum(1 for server in servers if server.seen) <= 4
        assert sum(server.accepted for server in servers) <= 4

    def test_threads_on_one_pool_lose_no_place_and_no_connection(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 3)
        result = self.run(mesh, "stress")
        assert (result["failures"], result["inflight"], result["errors"]) == ([], 0, {})
        assert (sum(served(servers)), result["after"], mesh.said) == (400, 0, "")

    def test_connections_to_an_instance_that_went_are_given_up(self, mesh: Mesh) -> None:
        first, second = mesh.service("orders", 2)
        control = mesh.server()
        stopper = threading.Thread(target=self._leaves_when_asked, args=(mesh, control, first))
        stopper.start()
        result = self.run(mesh, "gone", {"control": control.port})
        stopper.join(20)
        assert (result["during"], result["given_up"]) == (2, True)
        assert second.accepted == 1

    @staticmethod
    def _leaves_when_asked(mesh: Mesh, control: Echo, server: Echo) -> None:
        if until(lambda: control.accepted >= 1, 30):
            mesh.leave("orders", server.address)
        if until(lambda: control.accepted >= 2, 30):
            server.stop()

    def test_a_descriptor_of_another_agent_below_ours_gets_what_the_app_gave(self, mesh: Mesh) -> None:
        servers = mesh.service("orders", 2)
        result = mesh.run(self.driver, HERE + "descriptor", {}, door=False)
        assert (result["statuses"], result["calls"], result["kept"]) == ([200, 200, 200], 3, True)
        seen = [one for server in servers for one in server.seen]
        assert all(one.header("x-agent") == ["1"] and one.header("x-meshrun-caller") == ["-"] for one in seen)
        assert (len(seen), sum(result["counts"].values()), result["errors"]) == (3, 3, {})
