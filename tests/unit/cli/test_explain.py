from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl

RULES = """
kind: Lane
name: gray
enter:
  - { at: [web], when: { header.x-user-id: { in: ["1", "2"] } } }
  - { at: [web], percent: 10 }
---
kind: Lane
name: pay
tags: { lane: pay }
fallback: strict
---
kind: Alias
name: legacy
hosts: ["orders.corp.example:8080"]
service: orders
---
kind: Route
name: split
service: orders
rules:
  - when: { path: { prefix: /v2 }, method: POST }
    to: [{ tags: { version: v2 }, weight: 10 }, { tags: { version: v1 }, weight: 90 }]
"""


@pytest.fixture
def mesh(meshctl: Meshctl) -> Meshctl:
    assert meshctl.apply(RULES).status == 0
    meshctl.instance("web", 8000)
    meshctl.instance("orders", 9001, tags={"version": "v1"})
    meshctl.instance("orders", 9002, tags={"version": "v2"})
    meshctl.instance("orders", 9003, tags={"lane": "gray"})
    return meshctl


def test_an_uncoloured_call_never_reaches_the_lane(mesh: Meshctl) -> None:
    run = mesh("explain", "--from", "web", "--to", "orders", "--draw", "0.99")
    assert run.status == 0
    assert run.out.splitlines()[:5] == [
        "web calls orders: GET /",
        "service orders",
        "colour  none",
        "draw    0.99",
        "",
    ]
    assert "127.0.0.1:9003  out   in lane" in run.out
    assert run.out.splitlines()[-1].startswith("reason  baseline - the call has no lane")


def test_json_has_exactly_the_documented_shape(mesh: Meshctl) -> None:
    run = mesh("explain", "--from", "web", "--to", "orders", "--colour", "lane=gray", "-o", "json")
    shape = run.json
    assert run.status == 0
    assert set(shape) == {"service", "colour", "candidates", "rules", "chosen", "reason"}
    assert (shape["service"], shape["colour"], shape["chosen"], shape["reason"]) == (
        "orders",
        {"lane": "gray"},
        "127.0.0.1:9003",
        "lane",
    )
    assert {c["address"]: c["kept"] for c in shape["candidates"]} == {
        "127.0.0.1:9001": False,
        "127.0.0.1:9002": False,
        "127.0.0.1:9003": True,
    }
    assert all(set(candidate) == {"address", "kept", "why"} for candidate in shape["candidates"])
    assert all(set(rule) == {"name", "matched", "why"} for rule in shape["rules"])


def test_headers_that_enter_a_lane_at_the_caller_colour_the_call_and_it_is_said(mesh: Meshctl) -> None:
    run = mesh("explain", "--from", "web", "--to", "orders", "--header", "X-User-Id=2")
    assert "colour  lane=gray (the request enters a lane at web)" in run.out
    assert "chosen  127.0.0.1:9003" in run.out
    assert "Lane gray enter[0]" in run.out
    assert mesh("explain", "--to", "orders", "--header", "X-User-Id=2", "-o", "json").json["colour"] == {}


def test_the_share_of_a_lane_is_decided_by_the_draw(mesh: Meshctl) -> None:
    inside = mesh("explain", "--from", "web", "--to", "orders", "--draw", "0.05", "-o", "json").json
    outside = mesh("explain", "--from", "web", "--to", "orders", "--draw", "0.5", "-o", "json").json
    assert (inside["colour"], outside["colour"]) == ({"lane": "gray"}, {})


@pytest.mark.parametrize(
    "header",
    ["baggage=lane=gray", "X-Polaris-Metadata-Transitive-lane=gray", "x-polaris-metadata-transitive-LANE=gray"],
)
def test_the_header_of_a_dialect_colours_the_call(mesh: Meshctl, header: str) -> None:
    run = mesh("explain", "--to", "orders", "--header", header)
    assert "colour  lane=gray (read from the headers)" in run.out
    assert "chosen  127.0.0.1:9003" in run.out


def test_a_dialect_that_is_not_read_colours_nothing(mesh: Meshctl) -> None:
    mesh.environ["MESHRUN_WIRE_READ"] = "baggage"
    words = ("--to", "orders", "--header", "X-Polaris-Metadata-Transitive-lane=gray", "-o", "json")
    assert mesh("explain", *words).json["colour"] == {}


def test_an_alias_is_found_by_url_and_the_route_narrows(mesh: Meshctl) -> None:
    url = "http://orders.corp.example:8080/v2/items?x=1"
    run = mesh("explain", "--url", url, "--method", "post", "--draw", "0.05")
    assert run.out.startswith("somebody calls %s: POST /v2/items?x=1\n" % url)
    assert "chosen  127.0.0.1:9002" in run.out
    assert "reason  route:split - the Route split narrows the call" in run.out
    assert mesh("explain", "--url", url, "--path", "/v1", "-o", "json").json["reason"] == "baseline"


def test_an_unknown_host_is_not_mesh_and_the_nearest_service_is_named(mesh: Meshctl) -> None:
    run = mesh("explain", "--url", "http://ordrs/x")
    assert run.status == 1
    assert "not-mesh: no service or Alias has this host" in run.out
    assert "note    Did you mean orders?" in run.out
    assert "note    Known services: orders and web." in run.out
    shape = mesh("explain", "--url", "http://ordrs/x", "-o", "json").json
    assert shape == {
        "service": None,
        "colour": {},
        "candidates": [],
        "rules": [],
        "chosen": None,
        "reason": "not-mesh",
    }


def test_an_alias_with_a_port_does_not_stand_for_another_port(mesh: Meshctl) -> None:
    assert mesh("explain", "--url", "http://orders.corp.example/x", "-o", "json").json["reason"] == "not-mesh"


@pytest.mark.parametrize(
    "host", ["orders", "ORDERS", "orders.default", "orders.default.svc.cluster.local", "orders.mesh"]
)
def test_all_forms_of_the_name_are_the_service(mesh: Meshctl, host: str) -> None:
    assert mesh("explain", "--url", "http://%s:1234/" % host, "-o", "json").json["service"] == "orders"


def test_a_call_over_tls_to_plain_instances_says_protocol(mesh: Meshctl) -> None:
    run = mesh("explain", "--url", "https://orders/", "-o", "json")
    assert (run.status, run.json["reason"], run.json["chosen"]) == (1, "protocol", None)


def test_a_strict_lane_without_instance_refuses(mesh: Meshctl) -> None:
    run = mesh("explain", "--to", "orders", "--colour", "lane=pay")
    assert run.status == 1
    assert "chosen  refused" in run.out
    assert "reason  lane-strict - " in run.out


def test_a_service_that_only_a_rule_names_has_no_instance(mesh: Meshctl) -> None:
    mesh.apply("kind: Lifecycle\nname: stock\nservice: stock\nwarmup: { seconds: 5 }\n")
    run = mesh("explain", "--to", "stock")
    assert run.status == 1
    assert "chosen  where the application sent it" in run.out
    assert "reason  no-instance" in run.out


def test_a_random_draw_is_said_so_that_it_can_be_repeated(mesh: Meshctl) -> None:
    run = mesh("explain", "--to", "orders")
    number = run.out.split("--draw ")[1].split(" ")[0]
    again = mesh("explain", "--to", "orders", "--draw", number)
    chosen = [line for line in run.out.splitlines() if line.startswith("chosen")]
    assert chosen == [line for line in again.out.splitlines() if line.startswith("chosen")]


def test_tagged_instances_of_the_caller_and_unknown_callers_are_hinted_at(mesh: Meshctl) -> None:
    mesh.instance("web", 8001, tags={"lane": "gray"})
    hint = " ".join(mesh("explain", "--from", "web", "--to", "orders", "--draw", "0.9").out.split())
    assert "1 instance of web carries lane=gray and colours its calls so: add --colour lane=gray" in hint
    assert "No instance of wbe is known" in mesh("explain", "--from", "wbe", "--to", "orders").out


def test_names_are_those_of_the_callers_namespace(mesh: Meshctl) -> None:
    mesh.instance("orders", 9100, namespace="shop")
    run = mesh("explain", "--from", "web.shop", "--to", "orders", "-o", "json")
    assert (run.json["service"], run.json["chosen"]) == ("orders.shop", "127.0.0.1:9100")


@pytest.mark.parametrize(
    "words",
    [
        ("--to", "orders", "--draw", "2"),
        ("--to", "orders", "--header", "no-sign"),
        ("--to", ".shop"),
        ("--to", "orders", "--colour", "lane=a b"),
        ("--url", "ftp://orders/"),
        ("--url", "http://orders:port/"),
        ("--url", "http://[::1/"),
        ("--to", "orders", "--url", "http://orders/"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_usage_error(mesh: Meshctl, words: Any) -> None:
    run = mesh("explain", *words)
    assert run.status == 2
    assert run.err.startswith("meshctl: MR2001 ")
