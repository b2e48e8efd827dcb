"""``meshctl status --timeline``: the lives of instances, for people and for machines."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Dict

import pytest

from meshrun import engines
from meshrun.core.timeline import EVENTS, Calls, Timeline

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl

ROOT = Path(__file__).resolve().parents[3]


def keep(meshctl: Meshctl, name: str, events: Dict[str, float], service: str = "default/web", begun: int = 12) -> None:
    engine = engines.open_engine(meshctl.store)
    engine.note(Timeline(name, service, "10.0.0.9", 8000, events, 12, begun))
    engine.close()


def tell(meshctl: Meshctl, name: str, caller: str, calls: Calls) -> None:
    engine = engines.open_engine(meshctl.store)
    engine.tell(name, caller, calls)
    engine.close()


def test_events_stand_in_the_order_in_which_they_happened_each_with_the_time_since_the_one_before(
    meshctl: Meshctl,
) -> None:
    keep(meshctl, "a", {"bound": 1000.0, "registered": 1002.5, "ready": 1001.25, "exit": 1090.0})
    keep(meshctl, "b", {"bound": 2000.0}, "shop/orders")
    lines = meshctl("status", "--timeline").out.splitlines()
    start = next(n for n, line in enumerate(lines) if "AFTER" in line)
    assert lines[start : start + 6] == [
        "INSTANCE       SERVICE      REQUESTS  CALLS  LOST  EVENT       AT (UTC)                 AFTER",
        "10.0.0.9:8000  orders.shop  12        -      0     bound       1970-01-01 00:33:20.000  0.000 s",
        "10.0.0.9:8000  web          12        -      0     bound       1970-01-01 00:16:40.000  0.000 s",
        "                                                   ready       1970-01-01 00:16:41.250  1.250 s",
        "                                                   registered  1970-01-01 00:16:42.500  1.250 s",
        "                                                   exit        1970-01-01 00:18:10.000  87.500 s",
    ]


def test_machines_get_epoch_seconds_and_only_who_asks_gets_them(meshctl: Meshctl) -> None:
    keep(meshctl, "a", {"ready": 1001.25, "bound": 1000.0})
    assert "timelines" not in meshctl("status", "-o", "json").json
    shown = meshctl("status", "--timeline", "-o", "json").json
    assert shown["timelines"] == [
        {
            "instance": "a", "service": "web", "address": "10.0.0.9", "port": 8000, "requests": 12, "begun": 12,
            "calls": {"sent": 0, "answered": 0, "unsent": 0, "cancelled": 0, "failed": 0, "callers": 0}, "lost": 0,
            "events": {"bound": 1000.0, "ready": 1001.25},
        }
    ]  # fmt: skip
    assert list(shown["timelines"][0]["events"]) == ["bound", "ready"]


def test_what_callers_counted_is_added_up(meshctl: Meshctl) -> None:
    keep(meshctl, "a", {"bound": 1000.0, "exit": 1010.0})
    tell(meshctl, "a", "one", Calls(10, 8, 3, 1, 1))
    tell(meshctl, "a", "two", Calls(5, 5))
    tell(meshctl, "a-grpc", "two", Calls(2, 1, failed=1))
    tell(meshctl, "a-2", "one", Calls(99))
    (shown,) = meshctl("status", "--timeline", "-o", "json").json["timelines"]
    assert shown["calls"] == {"sent": 17, "answered": 14, "unsent": 3, "cancelled": 1, "failed": 2, "callers": 2}
    assert shown["lost"] == 2
    lines = meshctl("status", "--timeline").out.splitlines()
    start = next(n for n, line in enumerate(lines) if "AFTER" in line)
    assert [line[:58].rstrip() for line in lines[start : start + 7]] == [
        "INSTANCE       SERVICE  REQUESTS  CALLS        LOST  EVENT",
        "10.0.0.9:8000  web      12        17 sent      2     bound",
        "                                  14 answered        exit",
        "                                  3 unsent",
        "                                  1 cancelled",
        "                                  2 failed",
        "                                  2 callers",
    ]


@pytest.mark.parametrize(
    ("events", "begun", "failed", "lost"),
    [
        ({"exit": 9.0}, 12, 0, 0),
        ({"exit": 9.0}, 15, 0, 3),
        ({"exit": 9.0}, 15, 2, 3),
        ({"exit": 9.0}, 15, 4, 4),
        ({"ready": 9.0}, 15, 0, 0),
        ({"ready": 9.0}, 15, 1, 1),
        ({"exit": 9.0}, 0, 0, 0),
    ],
)
def test_lost_is_what_one_side_says_and_requests_count_only_where_the_end_was_seen(
    meshctl: Meshctl, events: Dict[str, float], begun: int, failed: int, lost: int
) -> None:
    keep(meshctl, "a", events, begun=begun)
    tell(meshctl, "a", "one", Calls(20, 20 - failed, failed=failed))
    (shown,) = meshctl("status", "--timeline", "-o", "json").json["timelines"]
    assert shown["lost"] == lost


def test_people_are_shown_the_newest_and_told_of_the_others(meshctl: Meshctl) -> None:
    for number in range(22):
        keep(meshctl, "i-%d" % number, {"bound": 1000.0 + number})
    shown = meshctl("status", "--timeline").out
    assert "and 2 older timelines, which -o json shows" in shown
    assert len(re.findall("00:1[67]:..", shown)) == 20
    assert "00:17:01" in shown
    assert len(meshctl("status", "--timeline", "-o", "json").json["timelines"]) == 22


def test_an_empty_store_says_so(meshctl: Meshctl) -> None:
    assert "no timelines: no instance has registered yet" in meshctl("status", "--timeline").out


def test_the_page_for_operators_explains_every_event() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `(\w+)` \| ", page.partition("## What happened")[2], re.MULTILINE)
    assert list(itertools.takewhile(lambda name: name in EVENTS, explained)) == list(EVENTS)
