"""OpenTelemetry in the releases of the matrix, on the same seam: what it writes stays, and the colour arrives once."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from tests.contract.client_base import GRAY, statuses
from tests.contract.mesh import Mesh, gets, mesh

pytest.importorskip("opentelemetry.instrumentation.urllib3")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Mesh]:
    """An empty mesh."""
    with mesh(tmp_path) as made:
        yield made


@pytest.mark.parametrize("below", [False, True], ids=["above ours", "below ours"])
def test_the_baggage_of_both_arrives_in_one_header_and_each_goes_by_itself(shop: Mesh, *, below: bool) -> None:
    [server] = shop.service("orders")
    plan = {"asks": gets(["http://orders/"] * 2), "below": below}

    seen = shop.run("urllib3", "tests.contract.extra_otel:both", plan, GRAY, door=False)

    assert statuses(seen["first"]["results"]) == statuses(seen["second"]["results"]) == [200, 200]
    values = [[part.strip() for part in one.header("baggage")[0].split(",")] for one in server.seen]
    assert [sorted(value) for value in values[:2]] == [["lane=gray", "mine=1"]] * 2
    # Where OpenTelemetry does not see its own wrapper on top it leaves all as it is; so does ours.
    assert [sorted(value) for value in values[2:]] == [["lane=gray", "mine=1"] if below else ["lane=gray"]] * 2
    assert all(len(one.header("baggage")) == 1 for one in server.seen)
    assert seen["bare"] is not below
    assert (seen["first"]["inflight"], seen["first"]["errors"], sum(seen["first"]["counts"].values())) == (0, {}, 2)
