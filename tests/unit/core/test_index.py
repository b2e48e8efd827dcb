"""Which host is which service."""

from __future__ import annotations

from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    services=frozenset(
        ["default/orders", "default/other", "shop/orders", "mesh/direct", "shop/kart", "2/1", "default/0x1"]
    ),
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
        ("orders..", 80, "default", None),
        ("[orders]", 80, "default", None),
        ("::1]", 80, "default", None),
        ("10.0.0.5.", 8080, "default", None),
        ("010.0.0.5", 8080, "default", None),
        ("167772165", 8080, "default", None),
        ("1.2", 80, "default", None),  # the service 1 of the namespace 2 is an address to everybody else
        ("0x1", 80, "default", None),
        ("1.2.svc", 80, "default", "2/1"),
        ("1.2.mesh", 80, "default", None),
        ("\N{KELVIN SIGN}art", 80, "shop", None),
        ("\N{KELVIN SIGN}art".lower(), 80, "shop", "shop/kart"),
        ("orders" + "." * 300, 80, "default", None),
    ],
)
def test_names(host: str, port: Optional[int], namespace: str, service: Optional[str]) -> None:
    assert INDEX.target(host, port, namespace) == service


def test_an_empty_snapshot_knows_no_service() -> None:
    assert Index(Snapshot()).target("orders", 80, "default") is None


PIECES = ["orders", "shop", "default", "mesh", "svc", ".svc.cluster.local", "evil", ".", "-", "[", "]", ":", "@", "%2e",
          "/", "\\", " ", "1", "0x", "\N{KELVIN SIGN}", "\N{FULLWIDTH FULL STOP}", "corp.example"]  # fmt: skip
SHOP = ("orders.shop", "cart.shop", "kart.shop")
FORMS = {
    form + dot
    for service in ("orders", "other", *(name + ".default" for name in ("orders", "other", "0x1")), "1.2", *SHOP)
    for form in (service, service + ".svc", service + ".svc.cluster.local", service + ".mesh")
    for dot in ("", ".")
} | {form + dot for form in ("direct.mesh", "orders.corp.example", "0x1.mesh", "::1") for dot in ("", ".")}


@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join))
def test_what_is_made_of_the_pieces_of_a_name_is_not_that_name(host: str) -> None:
    if INDEX.target(host, 80, "default") is not None:
        assert host.lower() in FORMS
