"""The client contract: the library stays as the app and other agents know it."""

from __future__ import annotations

from tests.contract.client_base import ClientTests, served, statuses
from tests.contract.mesh import Mesh, gets


class Library(ClientTests):
    """Patching, wrappers of others, pickle, classes."""

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
