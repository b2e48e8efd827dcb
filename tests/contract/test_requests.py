"""requests under the client contract of urllib3's hook, and what only it has."""

from __future__ import annotations

from typing import ClassVar

import pytest

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

    @pytest.mark.parametrize("name", ["orders", "stock"])
    def test_verification_follows_the_session_as_bare(self, mesh: Mesh, authority: Authority, name: str) -> None:
        bare = mesh.server("bare", authority.context(name))
        mesh.service("orders", 1, tls=authority.context(name))
        plan = {"ca": authority.file, "bare": bare.port}
        expected = mesh.bare(self.driver, HERE + "verification", plan)
        assert expected[:2] == [200 if name == "orders" else "SSLError", 200]
        assert mesh.run(self.driver, HERE + "verification", dict(plan, bare=None)) == expected
