"""requests under the client contract of urllib3's hook, and what only it has."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.contract.client import Authority, ClientContract, wire
from tests.contract.mesh import Mesh, gets

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

    def test_a_generator_that_an_older_release_sends_past_urllib3_goes_as_bare(self, mesh: Mesh) -> None:
        if "generator" in self.kind.can:
            pytest.skip("this release sends every body through urllib3")
        [orders] = mesh.service("orders")
        written, bare = mesh.server(), mesh.server()
        mesh.alias("127.0.0.1:%d" % written.port, "orders")
        for server, run in ((bare, mesh.bare), (written, mesh.run)):
            asks = gets(["http://127.0.0.1:%d/" % server.port], method="POST", body="abcdefgh", form="generator")
            [result] = run(self.driver, "calls", {"asks": asks})
            assert (result["status"], server.seen[0].body) == (200, b"abcdefgh")
        port = (str(bare.port).encode(), str(written.port).encode())
        assert [(head.replace(*port), body) for head, body in wire(bare, ())] == wire(written, ())
        assert orders.seen == []

    @pytest.mark.parametrize("name", ["orders", "stock"])
    def test_verification_follows_the_session_as_bare(self, mesh: Mesh, authority: Authority, name: str) -> None:
        bare = mesh.server("bare", authority.context(name))
        mesh.service("orders", 1, tls=authority.context(name))
        plan = {"ca": authority.file, "bare": bare.port}
        expected = mesh.bare(self.driver, HERE + "verification", plan)
        assert expected[:2] == [200 if name == "orders" else "SSLError", 200]
        assert mesh.run(self.driver, HERE + "verification", dict(plan, bare=None)) == expected
