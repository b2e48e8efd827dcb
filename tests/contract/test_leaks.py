"""Nothing is added to a call that leaves the mesh, by any client; and nothing to any call in ``observe`` and below.

Each app runs bare and under meshrun, in a lane, against the same servers on the same ports, and what was on the wire
is compared byte for byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import quote

import pytest
import requests

from meshrun.core.model import Instance
from tests.contract import drivers
from tests.contract.client_base import GRAY, LANE, Authority, statuses
from tests.contract.mesh import Mesh, gets, mesh
from tests.contract.servers import Echo

HERE = "tests.contract.scripts_leaks:anywhere"
CARRIED = {"MESHRUN_CARRY": "x-tenant"}
ALIASES = """kind: Alias
name: legacy
hosts: ["legacy.corp.example:8080", "legacy.corp.example:80", "10.0.0.5:80", "[fd00::5]:8080", "127.0.0.1:1"]
service: orders
"""
OUTSIDE = (
    "orders.evil.example",
    "orders.shop.svc.cluster.local.evil",
    "orders.shop.svc.cluster.local.evil.example",
    "orders.evil.svc.cluster.local",
    "orders.svc",
    "orders.mesh.evil.example",
    "orders.default.evil",
    "a.orders.shop.svc.cluster.local",
    "a.orders",
    "xorders",
    "orders-evil",
    "legacy.corp.example",  # another port than the alias names
    "evil.example.",
    "orders.evil.example.",
    "ORDERS.EVIL.EXAMPLE",
    "%6frders.evil.example",
    "orders..",
    ".orders",
    "orders..shop",
    "orders@evil.example",
    "orders:80@evil.example",
    "orders%2f@evil.example",
    "xn--rders-wze",  # a Cyrillic o
    "\N{CYRILLIC SMALL LETTER O}rders",
    "orders\N{IDEOGRAPHIC FULL STOP}evil.example",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7f00:1]",
    "[::1]",
)
"""Hosts that are no service, a port to come. `orders` lives in two namespaces, `default` and `shop`."""
TRICKS = (
    "http://evil.example:{port}/orders",
    "http://evil.example:{port}?@orders/",
    "http://evil.example:{port}#@orders/",
    "http://evil.example:{port}/;@orders:80/",
    "http:///evil.example:{port}@orders/",
)
"""URLs in which another host seems to stand."""


class Town:
    """A mesh with `orders` in it, and a server outside."""

    def __init__(self, made: Mesh, driver: str) -> None:
        self.mesh = made
        self.driver = driver
        self.outside = made.server("outside")
        (self.orders,) = made.service("orders")
        for key in ("shop/orders", "default/2130706433"):
            made._engine.register(Instance(key.replace("/", "-"), key, *self.orders.address), ttl=3600.0)
        made.rules(("Alias/default/legacy", ALIASES))

    def wire(self, plan: Mapping[str, Any], env: Optional[Mapping[str, str]] = None) -> Tuple[Any, Any, Any]:
        """Run the plan, bare without `env`: the result, and what was on the wire outside and at `orders`."""
        for server in (self.outside, self.orders):
            server.seen.clear()
            server.accepted = 0
        if env is None:
            result = self.mesh.bare(self.driver, HERE, plan)
        else:
            result = self.mesh.run(self.driver, HERE, plan, env)
            assert (result["errors"], self.mesh.said) == ({}, "")
        return result, _wire(self.outside), _wire(self.orders)

    def need(self, feature: str) -> None:
        """Skip where the library cannot do this at all."""
        if feature not in drivers.load(self.driver).can:
            pytest.skip("%s has no %s" % (self.driver, feature))


def _wire(server: Echo) -> List[Any]:
    return [server.accepted, *((seen.connection, seen.head, seen.body) for seen in server.seen)]


def _without(wire: Sequence[Any], names: Sequence[bytes]) -> List[Any]:
    """The same without the lines of these headers."""
    kept = []
    for connection, head, body in wire[1:]:
        lines = [line for line in head.split(b"\r\n") if line.split(b":")[0].lower() not in names]
        kept.append((connection, b"\r\n".join(lines), body))
    return [wire[0], *kept]


def _shapes(driver: str, url: str) -> List[Dict[str, Any]]:
    """Requests of every shape: methods, bodies, headers with order, case and credentials.

    Before 2.29 requests sent a generator past the pool's `urlopen`, where nothing is decided.
    """
    pieces = "bytes" if driver == "requests" and requests.__build__ < 0x022900 else "generator"
    headers: Dict[str, Any] = {
        "X-One": "1",
        "accept": "a/b",
        "Cookie": "a=1; b=2",
        "X-Two": "2",
        "Authorization": "Basic eDp5",
    }
    return [
        {"url": url},
        {"url": url, "headers": headers},
        {"url": url, "method": "POST", "body": "abcdefgh", "headers": headers},
        {"url": url, "method": "PUT", "body": "abcdefgh", "form": pieces},
        {"url": url, "method": "HEAD"},
        {"url": url, "method": "DELETE"},
        {"url": url, "method": "OPTIONS", "headers": dict(headers, Origin="http://a.example")},
        {"url": url.rsplit("/", 1)[0] + "/stream/20", "stream": True},
        {"url": url, "headers": {"Baggage": "userId=7", "X-Polaris-Metadata-Transitive-mine": "1"}},
        {"url": url, "headers": {"baggage": "lane=mine", "traceparent": "00-1-2-01", "X-Meshrun-Caller": "me"}},
    ]


@pytest.fixture(params=sorted(drivers.DRIVERS))
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """A town for each client."""
    with mesh(tmp_path) as made:
        yield Town(made, request.param)


def test_a_host_that_only_looks_like_a_service_gets_the_bytes_that_it_gets_bare(town: Town) -> None:
    port = town.outside.port
    urls = ["http://%s:%d/x" % (host, port) for host in OUTSIDE] + [url.format(port=port) for url in TRICKS]
    plan = {"asks": gets(urls)}
    bare, outside, _ = town.wire(plan)
    ours, seen, orders = town.wire(plan, dict(GRAY, **CARRIED))
    assert ours["results"] == bare["results"]
    assert seen == outside
    assert len(seen) > 15  # the others are refused by the client itself
    assert (orders, ours["counts"]) == ([0], {})


def test_a_service_is_known_in_any_case_and_with_a_final_dot(town: Town) -> None:
    hosts = ["orders", "ORDERS", "orders.", "Orders.Default", "orders.shop", "orders.mesh"]
    hosts += ("orders.default.svc", "orders.SHOP.svc.cluster.local.", "2130706433.mesh")
    result, outside, orders = town.wire({"asks": gets(["http://%s:9/" % host for host in hosts])}, GRAY)
    assert statuses(result["results"]) == [200] * len(hosts)
    assert outside == [0]
    assert [b"\r\nbaggage: lane=gray\r\n" in head.replace(b"Baggage", b"baggage") for _, head, _ in orders[1:]] == (
        [True] * len(hosts)
    )


def test_an_alias_is_known_by_its_port_also_where_the_url_leaves_it_out(town: Town) -> None:
    hosts = ("legacy.corp.example", "legacy.corp.example:80", "LEGACY.corp.example.:8080", "10.0.0.5", "[fd00::5]:8080")
    result, _, orders = town.wire({"asks": gets(["http://%s/" % host for host in hosts])}, GRAY)
    assert statuses(result["results"]) == [200] * len(hosts)
    assert len(orders) == 1 + len(hosts)


@pytest.mark.parametrize("status", [302, 307])
def test_redirects_out_of_the_mesh_and_back_carry_ours_inside_it_only(town: Town, status: int) -> None:
    """orders -> outside -> orders -> outside, which looks like orders: as bare but for our lines at orders."""
    out, back = "http://orders.evil.example:%d" % town.outside.port, "http://orders:%d" % town.orders.port
    url = out + "/there"
    for host in (back, out, back):
        url = "%s/redirect?status=%d&to=%s" % (host, status, quote(quote(url, ""), ""))
    asks = [{"url": url}, {"url": url, "method": "POST", "body": "abcd", "headers": {"Authorization": "Basic eDp5"}}]
    plan = {"asks": asks, "options": {"follow": True}}
    bare, outside, orders = town.wire(plan)
    if statuses(bare["results"]) != [200, 200]:
        pytest.skip("the driver follows no such redirect")
    ours, seen, coloured = town.wire(plan, GRAY)
    assert ours["results"] == bare["results"]
    assert seen == outside
    names = (b"x-meshrun-caller", b"baggage", b"x-polaris-metadata-transitive-lane")
    assert _without(coloured, names) == orders
    for _, head, _ in coloured[1:]:
        assert [head.lower().count(b"\r\n" + name + b":") for name in names] == [1, 1, 1]


@pytest.mark.parametrize("mode", ["dormant", "observe"])
def test_in_observe_and_below_every_call_is_as_bare(town: Town, mode: str) -> None:
    asks = _shapes(town.driver, "http://orders:%d/x" % town.orders.port) + _shapes(
        town.driver, "http://evil.example:%d/x" % town.outside.port
    )
    plan = {"asks": asks}
    bare, outside, orders = town.wire(plan)
    assert statuses(bare["results"]) == [200] * len(asks)
    served = {"inbound": [LANE, ["x-tenant", "t1"]]} if mode == "observe" else {}
    ours, seen, same = town.wire(dict(plan, **served), dict(GRAY, MESHRUN_MODE=mode, **CARRIED))
    assert ours["results"] == bare["results"]
    assert (seen, same) == (outside, orders)
    assert ours["counts"] == ({"orders.default   unknown observe": len(asks) // 2} if mode == "observe" else {})


def test_a_call_out_of_the_mesh_is_as_bare_whatever_is_served(town: Town) -> None:
    plan = {"asks": _shapes(town.driver, "http://evil.example:%d/x" % town.outside.port)}
    bare, outside, _ = town.wire(plan)
    served = {"inbound": [LANE, ["x-tenant", "t1"], ["x-meshrun-caller", "web.default"]]}
    ours, seen, _ = town.wire(dict(plan, **served), dict(GRAY, **CARRIED))
    assert (ours["results"], seen) == (bare["results"], outside)


def test_an_uncoloured_mesh_call_differs_by_one_line_alone(town: Town) -> None:
    asks = _shapes(town.driver, "http://orders:%d/x" % town.orders.port)[:-2]
    plan = {"asks": asks}
    bare, _, orders = town.wire(plan)
    ours, _, seen = town.wire(plan, {"MESHRUN_SERVICE": "web"})
    assert ours["results"] == bare["results"]
    assert _without(seen, (b"x-meshrun-caller",)) == orders
    assert [head.count(b"\r\nX-Meshrun-Caller: web.default\r\n") for _, head, _ in seen[1:]] == [1] * len(asks)


def test_through_a_proxy_only_a_call_to_a_service_is_coloured(town: Town) -> None:
    """The proxy is the server outside: it answers for every host. What host a URL means, the bare client says."""
    town.need("proxy")
    hosts = (
        "evil.example",
        "orders.evil.example",
        "orders@evil.example",
        "[::1]",
        "2130706433",
        "orders.svc",
        "a.orders",
    )
    urls = ["http://%s:9/x" % host for host in (*hosts, "orders", "ORDERS.", "evil.example:80@orders")]
    urls += [url.format(port=9) for url in (*TRICKS, "http://evil.example:{port}\\@orders/", "http://e\\@orders/")]
    options = {"proxy": "http://us:er@127.0.0.1:%d" % town.outside.port}
    plan = {"asks": [*gets(urls), *_shapes(town.driver, "http://evil.example/x")], "options": options}
    bare, proxy, _ = town.wire(plan)
    meant = [seen.header("host")[0].partition(":")[0].rstrip(".").lower() for seen in town.outside.seen]
    assert {"orders", "evil.example", "orders.svc"} <= set(meant)
    ours, seen, orders = town.wire(plan, GRAY)
    names = (b"x-meshrun-caller", b"baggage", b"x-polaris-metadata-transitive-lane")
    assert ours["results"] == bare["results"]
    for host, (_, as_bare, _), (_, head, _) in zip(meant, proxy[1:], seen[1:]):
        assert (head == as_bare) is (host != "orders"), (host, head)
    coloured = [one for host, one in zip(meant, seen[1:]) if host == "orders"]
    assert all(b"lane=gray" in head and b"X-Meshrun-Caller: -" in head for _, head, _ in coloured)
    assert len(seen) == len(proxy)
    assert _without([0, *coloured], names)[1:] == [one for host, one in zip(meant, proxy[1:]) if host == "orders"]
    assert orders == [0]
    assert town.wire(plan, dict(GRAY, MESHRUN_MODE="observe"))[1] == proxy


def test_what_goes_through_a_tunnel_is_as_bare_and_so_is_its_connect(town: Town, tmp_path: Path) -> None:
    town.need("proxy")
    authority = Authority(tmp_path)
    far = town.mesh.server("far", authority.context("orders", "orders.evil.example"))
    options = {"proxy": "http://127.0.0.1:%d" % town.outside.port, "ca": authority.file}
    urls = ["https://%s:%d/x" % (host, far.port) for host in ("orders.evil.example", "orders")]
    plan = {"asks": gets(urls), "options": options}
    bare, connects, _ = town.wire(plan)
    assert statuses(bare["results"]) == [200, 200]
    inside = _wire(far)
    far.seen.clear()
    far.accepted = 0
    ours, seen, _ = town.wire(plan, GRAY)
    assert (ours["results"], seen, _wire(far)) == (bare["results"], connects, inside)
