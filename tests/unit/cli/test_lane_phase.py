from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshrun.cli.lane_share import at_of, set_all

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl

CREATE = ("lane", "create", "gray", "--at", "web,shop", "--when", "header.beta=1", "--percent", "10")
STICKY = ("--sticky", "header.x-user-id")


def lane(meshctl: Meshctl) -> Any:
    return meshctl("lane", "list", "-o", "json").json["lanes"][0]


def test_pause_lets_nobody_in_and_keeps_the_share_until_percent_lifts_it(meshctl: Meshctl) -> None:
    meshctl(*CREATE)
    before = lane(meshctl)
    run = meshctl("lane", "pause", "gray")
    assert (run.status, run.out.splitlines()[0]) == (0, "lane gray paused: nobody new enters, revision 2")
    assert "`meshctl lane percent gray N` lifts the pause" in " ".join(run.out.split())
    assert lane(meshctl) == dict(before, paused=True)
    assert (
        meshctl("explain", "--from", "web", "--to", "orders", "--header", "beta=1", "-o", "json").json["colour"] == {}
    )
    meshctl("lane", "percent", "gray", "5")
    assert not lane(meshctl)["paused"]


def test_abort_leaves_no_way_in_and_promote_no_condition(meshctl: Meshctl) -> None:
    meshctl(*CREATE, *STICKY)
    at = ["web", "shop"]
    run = meshctl("lane", "abort", "gray")
    assert (run.status, run.out.splitlines()[0]) == (0, "lane gray aborted: nobody enters, revision 2")
    assert lane(meshctl)["enter"] == [{"at": at, "percent": 0, "sticky": "header.x-user-id"}]
    run = meshctl("lane", "promote", "gray")
    assert run.out.splitlines()[0] == "lane gray promoted: every request at web, shop enters, revision 3"
    assert "No instance is retagged" in run.out
    assert lane(meshctl)["enter"] == [{"at": at, "percent": 100, "sticky": "header.x-user-id"}]
    explained = meshctl("explain", "--from", "web", "--to", "orders", "--draw", "0.99", "-o", "json").json
    assert explained["colour"] == {"lane": "gray"}


def test_promote_lifts_a_pause(meshctl: Meshctl) -> None:
    meshctl(*CREATE)
    meshctl("lane", "pause", "gray")
    meshctl("lane", "promote", "gray")
    assert not lane(meshctl)["paused"]


@pytest.mark.parametrize("word", ["pause", "abort", "promote"])
def test_what_is_that_way_already_is_no_revision(meshctl: Meshctl, word: str) -> None:
    meshctl(*CREATE)
    meshctl("lane", word, "gray")
    run = meshctl("lane", word, "gray")
    assert (run.status, run.out) == (0, "lane gray is that way already\n")
    assert meshctl("lane", word, "gray", "-o", "json").json["revision"] is None


@pytest.mark.parametrize("word", ["pause", "abort", "promote"])
def test_an_unknown_lane_names_the_nearest(meshctl: Meshctl, word: str) -> None:
    meshctl(*CREATE)
    run = meshctl("lane", word, "grey")
    assert (run.status, "MR4002" in run.err, "Did you mean gray?" in run.err) == (1, True, True)


def test_a_lane_that_is_entered_nowhere_has_no_share_to_set(meshctl: Meshctl) -> None:
    meshctl.apply("kind: Lane\nname: gray\n")
    assert meshctl("lane", "pause", "gray").status == 0
    for word in ("abort", "promote"):
        run = meshctl("lane", word, "gray")
        assert (run.status, run.err.startswith("meshctl: MR4004")) == (1, True)


def test_comments_of_the_lane_stay(meshctl: Meshctl) -> None:
    meshctl.apply("kind: Lane\nname: gray\nenter: # who\n  - { at: [web], percent: 10 } # a tenth\n")
    meshctl("lane", "abort", "gray")
    assert "enter: # who\n" in meshctl.rule_text()


def test_an_expired_lane_says_so(meshctl: Meshctl) -> None:
    meshctl.apply("kind: Lane\nname: gray\nexpires: 2020-01-01T00:00:00Z\nenter: [{ at: [web], percent: 10 }]\n")
    assert "expired on 2020-01-01T00:00:00Z: nobody enters" in meshctl("lane", "promote", "gray").out


SERVICES = st.lists(st.sampled_from(["web", "shop", "pay"]), min_size=1, max_size=3, unique=True)
ITEMS = st.lists(
    st.fixed_dictionaries(
        {"at": SERVICES},
        optional={
            "percent": st.integers(0, 100),
            "sticky": st.just("header.x-user-id"),
            "when": st.just([{"header.a": {"exact": "b"}}]),
        },
    ),
    min_size=1,
    max_size=5,
)


@given(items=ITEMS, percent=st.sampled_from([0, 100]))
def test_each_service_has_one_draw_and_no_condition(items: List[Dict[str, Any]], percent: int) -> None:
    lane = {"kind": "Lane", "name": "gray", "enter": items}
    found = set_all(lane, percent)
    assert sorted(name for item in found["enter"] for name in item["at"]) == sorted(at_of(lane))
    assert all(item["percent"] == percent and "when" not in item for item in found["enter"])
    assert set_all(found, percent) == found
