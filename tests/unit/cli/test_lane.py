from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl


def lane(meshctl: Meshctl, name: str = "gray") -> Any:
    return next(lane for lane in meshctl("lane", "list", "-o", "json").json["lanes"] if lane["name"] == name)


def test_create_tells_the_new_lane_and_what_is_still_missing(meshctl: Meshctl) -> None:
    run = meshctl("lane", "create", "gray", "--at", "web", "--percent", "10", "--sticky", "header.x-user-id")
    assert run.status == 0
    assert run.out.splitlines() == [
        "lane gray created, revision 1",
        "  tags       lane=gray",
        "  entered    10 % at web, sticky header.x-user-id",
        "  fallback   baseline",
        "  instances  none",
        "  note       no live instance carries these tags (MR4005): start one with MESHRUN_LANE=gray meshrun COMMAND",
    ]
    assert meshctl.rule_text() == (
        "kind: Lane\n"
        "name: gray\n"
        "tags: { lane: gray }\n"
        "enter:\n"
        "  - { at: [web], percent: 10, sticky: header.x-user-id }\n"
        "fallback: baseline\n"
    )


def test_all_conditions_form_one_item_and_the_share_another(meshctl: Meshctl) -> None:
    words = ("--when", "header.x-user-id=7", "path={prefix: /v2}", "--when", "cookie.beta={in: [a, b]}")
    run = meshctl("lane", "create", "gray", "--at", "web,orders", "--at", "shop", *words, "--percent", "5")
    assert run.status == 0
    at = ["web", "orders", "shop"]
    assert lane(meshctl)["enter"] == [
        {
            "at": at,
            "when": [
                {
                    "path": {"prefix": "/v2"},
                    "header.x-user-id": {"exact": "7"},
                    "cookie.beta": {"in": ["a", "b"]},
                }
            ],
        },
        {"at": at, "percent": 5},
    ]


def test_conditions_alone_draw_no_share_and_nothing_alone_lets_nobody_in(meshctl: Meshctl) -> None:
    meshctl("lane", "create", "gray", "--at", "web", "--when", "header.beta={present: true}")
    assert lane(meshctl)["enter"] == [{"at": ["web"], "when": [{"header.beta": {"present": True}}]}]
    run = meshctl("lane", "create", "blue", "--at", "web")
    assert "entered    0 % at web" in run.out
    assert lane(meshctl, "blue")["enter"] == [{"at": ["web"], "percent": 0}]


def test_tags_and_fallback_are_as_given(meshctl: Meshctl) -> None:
    meshctl("lane", "create", "other", "--at", "web")
    words = ("--tag", "featureenv=v2", "--tag", "lane=x", "--fallback", "other,baseline")
    run = meshctl("lane", "create", "gray", "--at", "web", *words)
    assert run.status == 0
    assert lane(meshctl)["tags"] == {"featureenv": "v2", "lane": "x"}
    assert lane(meshctl)["fallback"] == ["other", "baseline"]
    assert "start one with MESHRUN_TAGS=featureenv=v2,lane=x" in " ".join(run.out.split())
    by_service = "{default: baseline, strict: [pay]}"
    assert meshctl("lane", "create", "third", "--at", "web", "--fallback", by_service).status == 0
    assert "baseline; strict: pay" in meshctl("lane", "list").out


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("--percent", "101"), 2, "MR2001"),
        (("--percent", "some"), 2, "MR2001"),
        (("--when", "header.a"), 2, "MR2001"),
        (("--when", "header.a=1", "header.a=2"), 2, "MR2001"),
        (("--when", "header.a={in: [1"), 2, "MR2001"),
        (("--when", "haeder.a=1"), 1, "MR1020"),
        (("--fallback", "other,baseline"), 1, "MR1034"),
        (("--tag", "version=v2"), 1, "MR1033"),
        (("--sticky", "draw"), 1, "MR1020"),
    ],
)
def test_create_refuses_what_makes_no_sense(meshctl: Meshctl, words: Any, status: int, code: str) -> None:
    run = meshctl("lane", "create", "gray", "--at", "web", *words)
    assert (run.status, code in run.err) == (status, True), run.err
    assert meshctl.rule_text() == ""


def test_a_lane_is_not_created_twice(meshctl: Meshctl) -> None:
    meshctl("lane", "create", "gray", "--at", "web")
    run = meshctl("lane", "create", "gray", "--at", "web")
    assert run.status == 1
    assert run.err.startswith("meshctl: MR4001 the lane gray exists already\n  mend  ")


def test_percent_changes_the_number_where_it_stands(meshctl: Meshctl) -> None:
    rules = meshctl.folder / "store" / "rules"
    rules.mkdir(parents=True)
    text = (
        "# all lanes of the shop\n"
        "kind: Lane\nname: blue # keep\n---\n"
        "kind: Lane # gray\n"
        "name: gray\n"
        "enter:\n"
        "  - { at: [web], when: { header.a: b } } # testers\n"
        "  - at: [web]\n"
        "    percent: 10 # a tenth\n"
        "paused: true # for the holidays\n"
        "---\n"
        "kind: Alias\nname: old\nhosts: [old.example] # gone soon\nservice: orders\n"
    )
    (rules / "shop.yaml").write_text(text)
    run = meshctl("lane", "percent", "gray", "25%")
    assert run.status == 0
    assert run.out.startswith("lane gray: 25 % of the requests enter, revision 2\n")
    expected = text.replace("percent: 10 #", "percent: 25 #").replace("paused: true", "paused: false")
    assert (rules / "shop.yaml").read_text() == expected


def test_percent_adds_an_item_where_none_draws_a_share(meshctl: Meshctl) -> None:
    meshctl("lane", "create", "gray", "--at", "web", "--when", "header.beta=1")
    assert meshctl("lane", "percent", "gray", "0.5").status == 0
    assert lane(meshctl)["enter"][1] == {"at": ["web"], "percent": 0.5}
    assert meshctl("lane", "percent", "gray", "0.5").out == "lane gray is that way already\n"


def test_percent_of_a_lane_that_is_entered_nowhere_says_so(meshctl: Meshctl) -> None:
    meshctl.apply("kind: Lane\nname: gray\n")
    run = meshctl("lane", "percent", "gray", "10")
    assert run.status == 1
    assert "MR4004 the lane gray is entered nowhere" in run.err


def test_an_unknown_lane_gets_the_nearest_one(meshctl: Meshctl) -> None:
    meshctl("lane", "create", "gray", "--at", "web")
    run = meshctl("lane", "percent", "grey", "10")
    assert run.status == 1
    assert run.err == ("meshctl: MR4002 there is no lane grey in the namespace default\n  mend  Did you mean gray?\n")


def test_list_shows_who_enters_and_the_instances_of_each_lane(meshctl: Meshctl) -> None:
    meshctl.apply(
        "kind: Lane\nname: gray\npriority: 5\nenter:\n"
        '  - { at: [web], when: { header.user: { in: ["1", "2"] } } }\n'
        "  - { at: [web, shop], percent: 10, sticky: header.user }\n"
        "---\nkind: Lane\nname: old\nexpires: 2020-01-01T00:00:00Z\npaused: true\n"
    )
    meshctl.instance("web", 8000, tags={"lane": "gray"})
    meshctl.instance("orders", 8001, tags={"lane": "gray", "version": "v2"})
    meshctl.instance("orders", 8002, tags={"lane": "gray"})
    meshctl.instance("orders", 8003, tags={"lane": "gray", "featureenv": "a"})
    meshctl.instance("orders", 8004)
    run = meshctl("lane", "list")
    assert run.status == 0
    lines = [
        "LANE       TAGS                    ENTERED BY                              FALLBACK  INSTANCES",
        "gray       lane=gray               at web when header.user is one of 1, 2  baseline  orders 2, web 1",
        "                                   10 % at web, shop, sticky header.user",
        "old        lane=old                paused: nobody new enters               baseline  none",
        "                                   nobody enters; requests may bring it",
        "(no Lane)  featureenv=a,lane=gray  calls of its own instances              baseline  orders 1",
    ]
    assert run.out.splitlines() == lines
    assert max(map(len, run.out.splitlines())) <= 120


def test_an_empty_list_says_how_to_create_a_lane(meshctl: Meshctl) -> None:
    run = meshctl("lane", "list")
    assert run.out == "no lane in the namespace default. Create one: meshctl lane create gray --at web --percent 10\n"
    assert meshctl("lane", "list", "-o", "json").json == {"lanes": []}


def test_delete_refuses_while_instances_live(meshctl: Meshctl) -> None:
    meshctl("lane", "create", "gray", "--at", "web")
    meshctl.instance("orders", 8001, tags={"lane": "gray"})
    meshctl.instance("orders", 8002, tags={"lane": "gray"})
    meshctl.instance("orders", 8003, tags={"lane": "blue"})
    run = meshctl("lane", "delete", "gray")
    assert run.status == 1
    assert "MR4003 the lane gray still has instances\n  why   instances with its tags live: orders (2)\n" in run.err
    run = meshctl("lane", "delete", "gray", "--force")
    assert run.status == 0
    assert run.out == "lane gray deleted, revision 2\n  its instances live on: orders (2)\n"
    assert meshctl.rule_text() == ""


def test_delete_of_a_lane_without_instances(meshctl: Meshctl) -> None:
    meshctl("lane", "create", "gray", "--at", "web", "--namespace", "shop")
    meshctl.instance("orders", 8001, tags={"lane": "gray"})
    run = meshctl("lane", "delete", "gray", "-o", "json", "--namespace", "shop")
    assert run.status == 0
    assert run.json["deleted"] == ["Lane/shop/gray"]
    assert run.json["revision"] == 2
