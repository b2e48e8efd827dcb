"""The usual scenarios of a mesh, end to end: real servers, real clients, unmodified apps, real processes."""

from __future__ import annotations

from typing import Any, Dict

import pytest

pytestmark = pytest.mark.slow


def send(fleet: Any, count: int, *headers: str) -> Dict[str, int]:
    """Paths of `count` requests to http://web/, none of which may fail."""
    from fleet import result

    found = result(fleet.client(count, 2, headers))
    assert found["failures"] == []
    paths: Dict[str, int] = found["paths"]
    assert sum(paths.values()) == count
    return paths


def apply(fleet: Any, text: str) -> None:
    """Apply rules the way an operator does, and let every process see them."""
    file = fleet.folder / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    fleet.meshctl("rules", "apply", "-f", str(file))
    fleet.settled()


def test_polaris_published_example(fleet: Any) -> None:
    """X-Polaris-Metadata-Transitive-featureenv: v2 goes to instances tagged featureenv=v2 in every hop and falls back
    to the baseline where there is none (polarismesh/examples, feature environments)."""
    for service in ("web", "orders", "stock"):
        fleet.start(service)
    fleet.start("web", "v2", MESHRUN_TAGS="featureenv=v2")
    fleet.start("stock", "v2", MESHRUN_TAGS="featureenv=v2")
    fleet.settled()
    assert send(fleet, 20, "X-Polaris-Metadata-Transitive-featureenv:v2") == {"web v2 > orders baseline > stock v2": 20}
    assert send(fleet, 20) == {"web baseline > orders baseline > stock baseline": 20}


def test_a_tagged_node_colours_the_chain_behind_it(fleet: Any) -> None:
    """A request that passes a gray node without a colour is gray from there on."""
    for service in ("web", "orders", "stock"):
        fleet.start(service)
        if service != "orders":
            fleet.start(service, "gray")
    fleet.settled()
    gray = next(i for i in fleet.instances() if i["service"] == "web" and "lane" in i["tags"])
    import requests

    answer = requests.get("http://%s:%d/" % (gray["address"], gray["port"]), timeout=20)
    assert answer.json()["path"] == ["web gray", "orders baseline", "stock gray"]


def test_a_header_at_the_entry_chooses_the_environment(fleet: Any) -> None:
    """A Lane is entered where its `at` says so, by what the request carries."""
    for service in ("web", "orders", "stock"):
        fleet.start(service)
    fleet.start("orders", "gray")
    fleet.start("stock", "gray")
    fleet.settled()
    apply(fleet, "kind: Lane\nname: gray\nenter:\n  - {at: [web], when: {header.x-user-id: {in: ['1', '2']}}}\n")
    assert send(fleet, 10, "X-User-Id:2") == {"web baseline > orders gray > stock gray": 10}
    assert send(fleet, 10, "X-User-Id:3") == {"web baseline > orders baseline > stock baseline": 10}


def test_a_custom_header_is_carried_and_matched_by_a_route(fleet: Any) -> None:
    """MESHRUN_CARRY takes a header through the chain; a Route two hops away looks at it."""
    for service in ("web", "orders", "stock"):
        fleet.start(service, MESHRUN_CARRY="x-tenant")
    fleet.start("stock", "v2", MESHRUN_TAGS="version=v2")
    fleet.settled()
    apply(
        fleet,
        "kind: Route\nname: tenants\nservice: stock\nrules:\n"
        "  - when: {header.x-tenant: big}\n    to: [{tags: {version: v2}}]\n",
    )
    assert send(fleet, 10, "X-Tenant:big") == {"web baseline > orders baseline > stock v2": 10}
    assert len(send(fleet, 20, "X-Tenant:small")) == 2
