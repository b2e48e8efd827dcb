"""Which host is which service."""

from __future__ import annotations

from typing import Optional

import pytest

from meshrun.core.index import Index, Snapshot
from meshrun.core.model import Instance
from meshrun.core.rules import EMPTY

DEAD = Instance("i1", "shop/Cart", "10.0.0.1", 80, alive=False)
RULES = EMPTY._replace(
    aliases={
        "orders.corp.example:8080": "default/orders",
        "orders.corp.example": "default/other",
        "10.0.0.5:8080": "default/orders",
        "[::1]:80": "default/orders",
        "[fd00::1]": "default/orders",
    },
    services=frozenset(["default/orders", "default/other", "shop/orders", "mesh/direct"]),
)
INDEX = Index(Snapshot(RULES, {"shop/Cart": (DEAD,), "shop/empty": ()}))


@pytest.mark.parametrize(
    ("host", "port", "namespace", "service"),
    [
        ("orders", 80, "default", "default/orders"),
        ("orders", None, "shop", "shop/orders"),
        ("orders", 80, "elsewhere", None),
        ("ORDERS", 9999, "default", "default/orders"),
        ("orders.", 80, "default", "default/orders"),
        ("orders.shop", 80, "default", "shop/orders"),
        ("orders.shop.svc", 80, "default", "shop/orders"),
        ("orders.shop.svc.cluster.local", 80, "default", "shop/orders"),
        ("orders.svc", 80, "default", None),
        ("svc", 80, "default", None),
        (".svc", 80, "default", None),
        ("orders.mesh", 80, "shop", "shop/orders"),
        ("direct.mesh", 80, "shop", "mesh/direct"),
        ("orders.shop.example", 80, "default", None),
        ("orders.nowhere", 80, "default", None),
        ("cart.shop", 80, "default", "shop/Cart"),
        ("cart", 80, "shop", "shop/Cart"),
        ("empty", 80, "shop", None),
        ("orders.corp.example", 8080, "default", "default/orders"),
        ("orders.corp.example", 80, "default", "default/other"),
        ("Orders.Corp.Example", None, "shop", "default/other"),
        ("10.0.0.5", 8080, "default", "default/orders"),
        ("10.0.0.5", 80, "default", None),
        ("::1", 80, "default", "default/orders"),
        ("[::1]", 80, "default", "default/orders"),
        ("fd00::1", 443, "default", "default/orders"),
        ("example.com", 443, "default", None),
        ("", None, "default", None),
        (".", None, "default", None),
        ("orders/x", None, "default", None),
        ("default/orders", None, "default", None),
    ],
)
def test_names(host: str, port: Optional[int], namespace: str, service: Optional[str]) -> None:
    assert INDEX.target(host, port, namespace) == service


def test_an_empty_snapshot_knows_no_service() -> None:
    assert Index(Snapshot()).target("orders", 80, "default") is None
