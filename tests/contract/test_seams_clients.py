"""Classes of the app over those with seams, switches turned under way, and an agent that writes headers below us."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.contract.client_base import GRAY, Authority, served
from tests.contract.mesh import Mesh, mesh

HERE = "tests.contract.scripts_subclasses:"
PER_CALL = {
    "urllib3": {"urlopen": 3, "get": 3, "put": 3, "getresponse": 3, "close": 1},
    "requests": {"session": 3, "adapter": 3, "response": 3},
    "httpx": {"client": 3, "transport": 3, "pool": 3},
    "aiohttp": {"connect": 3, "start": 3},
}


@pytest.fixture(name="mesh")
def _mesh(tmp_path: Path) -> Iterator[Mesh]:
    with mesh(tmp_path) as made:
        yield made


@pytest.mark.parametrize("library", sorted(PER_CALL))
def test_subclasses_of_the_app_are_called_as_ever_and_each_call_is_decided_once(mesh: Mesh, library: str) -> None:
    servers = mesh.service("orders", 2)
    result: Any = mesh.run(library, HERE + "of_" + library, {})
    assert (result["statuses"], sum(served(servers))) == ([200] * 3, 3)
    assert (sum(result["counts"].values()), result["inflight"], result["errors"]) == (3, 0, {})
    assert {name: result["seen"].count(name) for name in PER_CALL[library]} == PER_CALL[library]


@pytest.mark.parametrize("name", ["orders", "stock"])
def test_verify_of_a_session_is_turned_under_way_as_bare(mesh: Mesh, tmp_path: Path, name: str) -> None:
    authority = Authority(tmp_path)
    bare = mesh.server("bare", authority.context(name))
    mesh.service("orders", 1, tls=authority.context(name))
    plan = {"ca": authority.file, "bare": bare.port}
    expected = mesh.bare("requests", HERE + "verify", plan)
    assert {200} <= set(expected) <= {200, "SSLError"}  # old releases go on with what was connected unverified
    assert mesh.run("requests", HERE + "verify", dict(plan, bare=None)) == expected


def test_a_header_that_an_agent_below_us_writes_anew_is_merged_with_ours(mesh: Mesh) -> None:
    [server] = mesh.service("orders", 1, {"lane": "gray"})
    result = mesh.run("urllib3", HERE + "propagating", {}, GRAY, door=False)
    assert (result["statuses"], result["errors"], result["restored"]) == ([200] * 3, {}, True)
    for seen in server.seen:
        [baggage] = seen.header("baggage")
        assert sorted(baggage.split(",")) == ["lane=gray", "other=1"]
        assert seen.header("x-meshrun-caller") == ["-"]
        assert seen.header("traceparent") == ["00-1"]
    assert len(server.seen) == 4
