"""requests under the client contract of urllib3's hook, and what only it has."""

from __future__ import annotations

from typing import ClassVar

from tests.contract.client import Authority, ClientContract
from tests.contract.mesh import Mesh

HERE = "tests.contract.scripts_urllib3:"


class TestRequests(ClientContract):
    """The contract, by its driver."""

    driver: ClassVar[str] = "requests"

    def test_a_session_with_an_adapter_of_the_app_is_called_as_ever(self, mesh: Mesh) -> None:
        [server] = mesh.service("orders")
        result = mesh.run(self.driver, HERE + "session", {})
        assert result == {
            "calls": ["http://orders/x"], "status": 200, "same": True, "url": "http://orders/x", "adapter": "Adapter",
        }  # fmt: skip
        assert server.seen[0].header("x-one") == ["1"]

    def test_each_connection_is_verified_as_the_session_asks_at_that_time(
        self, mesh: Mesh, authority: Authority
    ) -> None:
        mesh.service("orders", 2, tls=authority.context("orders"))
        assert mesh.run(self.driver, HERE + "verification", {"ca": authority.file}) == [200, 200, 200]

    def test_an_unverified_session_reaches_a_wrong_certificate_and_a_verified_one_does_not(
        self, mesh: Mesh, authority: Authority
    ) -> None:
        mesh.service("orders", 2, tls=authority.context("stock"))
        assert mesh.run(self.driver, HERE + "verification", {"ca": authority.file}) == ["SSLError", 200, "SSLError"]
