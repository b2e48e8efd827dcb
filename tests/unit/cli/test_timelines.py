"""``meshctl status --timeline``: the lives of instances, for people and for machines."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Dict

from meshrun import engines
from meshrun.core.timeline import EVENTS, Timeline

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl

ROOT = Path(__file__).resolve().parents[3]


def keep(meshctl: Meshctl, name: str, events: Dict[str, float], service: str = "default/web") -> None:
    engine = engines.open_engine(meshctl.store)
    engine.note(Timeline(name, service, "10.0.0.9", 8000, events, 12))
    engine.close()


def test_events_stand_in_the_order_in_which_they_happened_each_with_the_time_since_the_one_before(
    meshctl: Meshctl,
) -> None:
    keep(meshctl, "a", {"bound": 1000.0, "registered": 1002.5, "ready": 1001.25, "exit": 1090.0})
    keep(meshctl, "b", {"bound": 2000.0}, "shop/orders")
    lines = meshctl("status", "--timeline").out.splitlines()
    start = next(n for n, line in enumerate(lines) if "AFTER" in line)
    assert lines[start : start + 6] == [
        "INSTANCE       SERVICE      REQUESTS  EVENT       AT (UTC)                 AFTER",
        "10.0.0.9:8000  orders.shop  12        bound       1970-01-01 00:33:20.000  0.000 s",
        "10.0.0.9:8000  web          12        bound       1970-01-01 00:16:40.000  0.000 s",
        "                                      ready       1970-01-01 00:16:41.250  1.250 s",
        "                                      registered  1970-01-01 00:16:42.500  1.250 s",
        "                                      exit        1970-01-01 00:18:10.000  87.500 s",
    ]


def test_machines_get_epoch_seconds_and_only_who_asks_gets_them(meshctl: Meshctl) -> None:
    keep(meshctl, "a", {"ready": 1001.25, "bound": 1000.0})
    assert "timelines" not in meshctl("status", "-o", "json").json
    shown = meshctl("status", "--timeline", "-o", "json").json
    assert shown["timelines"] == [
        {
            "instance": "a", "service": "web", "address": "10.0.0.9", "port": 8000, "requests": 12,
            "events": {"bound": 1000.0, "ready": 1001.25},
        }
    ]  # fmt: skip
    assert list(shown["timelines"][0]["events"]) == ["bound", "ready"]


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
