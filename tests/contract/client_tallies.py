"""The client contract: what a process counted of its calls to each instance, as the store has it when it has ended."""

from __future__ import annotations

from typing import Dict

import pytest

from meshrun.core.timeline import Calls, together
from meshrun.engines import open_engine
from tests.contract.client_base import PREFERRED, ClientTests, statuses
from tests.contract.mesh import Mesh, gets
from tests.contract.servers import refused


def counted(mesh: Mesh) -> Dict[str, Calls]:
    """Instance id -> what the one process that called it counted."""
    told = open_engine(mesh.url).told()
    assert all(len(callers) == 1 for callers in told.values())
    return {name: together(callers.values()) for name, callers in told.items()}


class Tallied(ClientTests):
    """How calls ended, by instance."""

    def test_answers_count_for_the_instance_that_gave_them_and_refused_connects_as_unsent(self, mesh: Mesh) -> None:
        with refused() as gone:
            [server] = mesh.service("orders", weight=1)
            mesh.instance("orders", gone, weight=PREFERRED)
            asks = gets(["http://orders/", "http://orders/status/503"] * 3 + ["http://elsewhere.invalid/"])
            results = mesh.run(self.driver, "calls", {"asks": asks})
        assert statuses(results)[:6] == [200, 503] * 3
        found = counted(mesh)
        dead = found.pop("orders-%s-%d" % gone)
        assert dead.unsent > 0
        assert dead == Calls(unsent=dead.unsent)
        assert found == {"orders-%s-%d" % server.address: Calls(6, 6)}

    def test_every_refused_connect_counts_also_the_last_of_a_call_that_fails(self, mesh: Mesh) -> None:
        with refused() as one, refused() as two:
            mesh.instance("orders", one)
            mesh.instance("orders", two)
            result = mesh.run(self.driver, "counted", {"asks": gets(["http://orders/"] * 2)})
        assert together(counted(mesh).values()) == Calls(unsent=sum(result["counts"].values()))
        assert len(counted(mesh)) == 2

    def test_a_read_that_timed_out_is_a_call_that_failed(self, mesh: Mesh) -> None:
        self.need("connect")
        [server] = mesh.service("orders")
        plan = {"asks": gets(["http://orders/slow/15", "http://orders/"]), "options": {"connect": 5.0, "read": 0.4}}
        mesh.run(self.driver, "calls", plan)
        assert counted(mesh) == {"orders-%s-%d" % server.address: Calls(2, 1, failed=1)}

    def test_a_call_that_the_app_cancelled_is_none_that_failed(self, mesh: Mesh) -> None:
        self.need("cancel")
        [server] = mesh.service("orders")
        plan = {"asks": gets(["http://orders/slow/15", "http://orders/"]), "after": 1.5}
        mesh.run(self.driver, "cancelled", plan)
        assert counted(mesh) == {"orders-%s-%d" % server.address: Calls(2, 1, cancelled=1)}

    @pytest.mark.parametrize("mode", ["observe", "carry"])
    def test_what_is_not_routed_counts_for_no_instance(self, mesh: Mesh, mode: str) -> None:
        [server] = mesh.service("orders")
        mesh.alias("127.0.0.1:%d" % server.port, "orders")
        asks = gets(["http://127.0.0.1:%d/" % server.port] * 3)
        result = mesh.run(self.driver, "counted", {"asks": asks}, {"MESHRUN_MODE": mode})
        assert statuses(result["results"]) == [200] * 3
        assert sum(result["counts"].values()) == 3
        assert counted(mesh) == {}

    def test_each_process_tells_its_own_however_it_ends(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        plan = {"asks": gets(["http://orders/"] * 3)}
        assert mesh.run(self.driver, "tests.contract.scripts_tallies:children", plan) == 0
        callers = open_engine(mesh.url).told()["orders-%s-%d" % server.address]
        assert sorted(callers.values()) == [Calls(1, 1), Calls(2, 2), Calls(3, 3)]

    def test_a_call_whose_end_nobody_tells_was_given_up(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        mesh.run(self.driver, "tests.contract.scripts_tallies:dropped", {"asks": gets(["/"] * 3)})
        assert counted(mesh) == {"orders-%s-%d" % server.address: Calls(3, cancelled=3)}
