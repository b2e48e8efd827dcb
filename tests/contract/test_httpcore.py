"""httpcore, without httpx above it, under the client contract, and what only it has."""

from __future__ import annotations

from typing import ClassVar

from tests.contract.client import GRAY, ClientContract
from tests.contract.mesh import Mesh

EXTRA = "tests.contract.extra_httpx:"


class TestHttpcore(ClientContract):
    """The contract, by its driver."""

    driver: ClassVar[str] = "httpcore"

    def test_a_request_object_is_never_changed(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        result = mesh.run(self.driver, EXTRA + "same_request", {"url": "http://orders:8080/x?y=1"}, GRAY)
        assert (result["statuses"], result["same"]) == ([200, 200], True)
        assert [seen.header("baggage") for seen in server.seen] == [["other=2,lane=gray"]] * 2
        assert [seen.target for seen in server.seen] == ["/x?y=1"] * 2
        assert "http://orders:8080" in result["shown"]
        assert server.accepted == 1

    def test_functions_stay_what_they_were(self, mesh: Mesh) -> None:
        result = mesh.run(self.driver, EXTRA + "kinds", {})
        assert result == {"async": True, "sync": False, "create": False}
