"""nginx in front of the demo's services: a share and a header lead to gray, strangers do not, and gray may go away."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
import requests

from tests.e2e.edge import Edge

pytestmark = pytest.mark.slow
BASE, GRAY = "web baseline > orders baseline > stock baseline", "web gray > orders gray > stock gray"


@pytest.fixture
def edge(fleet: Any, tmp_path: Path) -> Iterator[Edge]:
    """The shop with one baseline and one gray instance of each service, and nginx before it."""
    for service in ("web", "orders", "stock"):
        settings = {"MESHRUN_WIRE_READ": "baggage"} if service == "web" else {}
        fleet.start(service, **settings)
        fleet.start(service, "gray", **settings)
    fleet.settled()
    folder = tmp_path / "edge"
    folder.mkdir()
    made = Edge(folder, address(fleet), address(fleet, "gray"))
    try:
        yield made
    finally:
        made.close()


def address(fleet: Any, lane: str = "") -> str:
    """Where an instance of web listens."""
    found = [i for i in fleet.instances() if i["service"] == "web" and i["tags"].get("lane", "") == lane]
    return "%s:%d" % (found[0]["address"], found[0]["port"])


def send(edge: Edge, count: int, **headers: str) -> Dict[str, int]:
    """The paths of `count` requests, none of which may fail."""
    found: Dict[str, int] = {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with requests.Session() as session:
        for _ in range(count):
            answer = session.get("http://127.0.0.1:%d/" % edge.port, headers=named, timeout=30)
            assert answer.status_code == 200, edge.said()
            path = " > ".join(answer.json()["path"])
            found[path] = found.get(path, 0) + 1
    return found


def test_a_tenth_of_the_users_is_gray_in_every_hop(edge: Edge) -> None:
    found = send(edge, 500)
    assert set(found) == {BASE, GRAY}
    assert 20 <= found[GRAY] <= 85  # 50 expected; beyond four standard deviations
    for user in ("1", "2", "3"):
        assert len(send(edge, 5, X_User_Id=user)) == 1
    assert set(edge.lanes()) == {"", "gray"}


def test_a_header_leads_to_gray_or_keeps_out(edge: Edge) -> None:
    assert send(edge, 20, X_Lane="gray") == {GRAY: 20}
    assert send(edge, 20, X_Lane="baseline") == {BASE: 20}
    assert set(send(edge, 60, X_Lane="unknown")) <= {BASE, GRAY}


@pytest.mark.parametrize("name", ["baggage", "X-Polaris-Metadata-Transitive-lane"])
def test_what_strangers_say_of_the_colour_is_not_believed(edge: Edge, name: str) -> None:
    value = "lane=gray" if name == "baggage" else "gray"
    assert send(edge, 20, X_Lane="baseline", **{name.replace("-", "_"): value}) == {BASE: 20}


def test_gray_goes_away_and_comes_back_and_nobody_notices(fleet: Any, edge: Edge) -> None:
    """The gray web is stopped under load: its users get the baseline's web, and are gray again behind it."""
    found: List[Dict[str, int]] = []
    errors: List[BaseException] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                found.append(send(edge, 5, X_Lane="gray"))
            except BaseException as error:  # noqa: BLE001 -- whatever a thread meets is the verdict of the test
                errors.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert fleet.stop(fleet.find("web", "gray")) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert sum(paths.get(GRAY, 0) for paths in found) > 0
    assert send(edge, 20, X_Lane="gray") == {"web baseline > orders gray > stock gray": 20}
    fleet.start("web", "gray", MESHRUN_WIRE_READ="baggage")
    fleet.settled()
    edge.point(address(fleet), address(fleet, "gray"))
    assert send(edge, 20, X_Lane="baseline") == {BASE: 20}
    assert GRAY in send(edge, 20, X_Lane="gray")
