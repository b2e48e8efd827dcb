from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, List

import pytest

from meshrun.cli import mode, mode_policy
from meshrun.cli.errors import Failure
from meshrun.core import instant

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Processes


@pytest.fixture(autouse=True)
def _no_long_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for processes never follow."""
    monkeypatch.setattr(mode, "SECONDS", 0.0)


def policies(meshctl: Meshctl) -> List[Any]:
    found: List[Any] = meshctl("mode", "-o", "json").json["policies"]
    return found


def test_a_mode_without_more_is_a_policy_for_the_namespace(meshctl: Meshctl) -> None:
    run = meshctl("mode", "observe", "--namespace", "shop")
    assert (run.status, run.out.splitlines()[0]) == (0, "Policy mode: observe, revision 1")
    assert "Below carry the colour of a request ends" in run.out
    assert meshctl.rule_text() == "kind: Policy\nnamespace: shop\nname: mode\nmode: observe\n"
    [policy] = policies(meshctl)
    assert (policy["namespace"], policy["selector"], policy["percent"], policy["expires"]) == ("shop", {}, 100, None)


def test_service_tags_percent_and_expiry_are_as_given(meshctl: Meshctl) -> None:
    words = ("--service", "web.shop", "--tag", "Zone=a,version=v2", "--percent", "12.5%", "--expires", "2h")
    run = meshctl("mode", "enforce", *words)
    assert (run.status, run.err) == (0, "")
    [policy] = policies(meshctl)
    assert policy["name"] == "mode-web-version-v2-zone-a"
    assert policy["namespace"] == "shop"
    assert policy["selector"] == {"service": "web", "tags": {"version": "v2", "zone": "a"}}
    assert (policy["mode"], policy["percent"], policy["expired"]) == ("enforce", 12.5, False)
    until = instant.epoch(policy["expires"])
    assert until is not None
    assert abs(until - time.time() - 7200) < 60
    assert "for 12.5 % of the instances; the others carry, until " in " ".join(run.out.split())


def test_the_same_selector_is_the_same_policy_also_when_somebody_else_named_it(meshctl: Meshctl) -> None:
    meshctl.apply("kind: Policy\nname: canary # ours\nselector: { service: web }\nmode: carry\npercent: 10\n")
    run = meshctl("mode", "enforce", "--service", "web", "-o", "json")
    assert run.json["changes"]["changed"] == ["Policy/default/canary"]
    [policy] = policies(meshctl)
    assert (policy["name"], policy["mode"], policy["percent"]) == ("canary", "enforce", 100)
    assert "# ours" in meshctl.rule_text()
    assert meshctl("mode", "enforce", "--service", "web").out.startswith("Policy canary is that way already")


def test_default_deletes_just_that_policy(meshctl: Meshctl) -> None:
    meshctl("mode", "carry")
    meshctl("mode", "observe", "--service", "web")
    run = meshctl("mode", "default", "--service", "web")
    assert run.out.startswith("Policy mode-web deleted, revision 3: the next closest Policy or the setting counts")
    assert [policy["name"] for policy in policies(meshctl)] == ["mode"]
    again = meshctl("mode", "default", "--service", "web")
    assert (again.status, again.out) == (0, "no Policy selects just these processes: nothing to delete\n")


def test_alone_it_shows_who_runs_in_which_mode_and_why(meshctl: Meshctl, process: Processes) -> None:
    meshctl("mode", "observe", "--service", "web", "--expires", "2099-01-01T00:00:00Z")
    process(11, mode="observe", mode_reason="Policy/default/mode-web")
    process(12, service="orders", mode_reason="default")
    process(13, answer=b"nonsense")
    run = meshctl("mode")
    rows = [line.split() for line in run.out.splitlines()]
    assert ["mode-web", "web", "observe", "all", "2099-01-01T00:00:00Z"] in rows
    assert ["11", "web", "observe", "Policy", "mode-web"] in rows
    assert ["12", "orders", "enforce", "its", "setting,", "the", "default"] in rows
    assert ["13", "-", "does", "not", "answer", "-"] in rows
    assert meshctl("mode", "--service", "orders", "-o", "json").json["processes"] == [
        {"pid": 12, "service": "orders", "mode": "enforce", "why": "default"}
    ]


def test_an_expired_policy_says_so(meshctl: Meshctl) -> None:
    meshctl.apply("kind: Policy\nname: old\nmode: carry\nexpires: 2020-01-01T00:00:00Z\n")
    assert "2020-01-01T00:00:00Z (expired)" in meshctl("mode").out
    assert policies(meshctl)[0]["expired"]


def test_an_empty_store_is_said_and_an_unreachable_one_hides_no_process(meshctl: Meshctl, process: Processes) -> None:
    run = meshctl("mode")
    assert (run.status, "no Policy" in run.out, "no live process" in run.out) == (0, True, True)
    process(11)
    run = meshctl("mode", store="nacos://h:1")
    assert (run.status, "11 " in run.out, "MR3001" in run.err) == (3, True, True)
    assert meshctl("mode", "carry", store="nacos://h:1").status == 3


def test_the_kill_switch_is_a_file_and_needs_no_store(meshctl: Meshctl, process: Processes) -> None:
    process(11)
    path = meshctl.state / "off"
    run = meshctl("mode", "off", "--local", store="nacos://h:1")
    assert (run.status, run.out.splitlines()[0], path.exists()) == (0, "kill switch %s set" % path, True)
    assert "was set already" in meshctl("mode", "dormant", "--local").out
    said = " ".join(meshctl("mode").out.split())
    assert said.startswith("! kill switch %s: its processes are dormant (MR7006)" % path)
    assert meshctl("mode", "-o", "json").json["kill_switches"] == [str(path)]
    assert meshctl("mode", "enforce", "--local").out.startswith("kill switch %s taken away" % path)
    assert not path.exists()
    assert "was taken away already" in meshctl("mode", "enforce", "--local").out


def test_a_state_folder_that_is_missing_is_made_for_the_kill_switch(meshctl: Meshctl) -> None:
    place = meshctl.folder / "other" / "state"
    run = meshctl("mode", "off", "--local", "--state-dir", str(place), here=False)
    assert run.status == 0, run.err
    assert ((place / "off").exists(), place.stat().st_mode & 0o777) == (True, 0o700)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("carry", "--local"), "the kill switch knows no mode carry"),
        (("off", "--local", "--service", "web"), "leave out --service"),
        (("--percent", "3"), "--percent needs a mode"),
        (("--local",), "--local needs a mode"),
        (("enforced",), "'enforced'; did you mean 'enforce'?"),
        (("carry", "--expires", "soon"), "--expires soon is no time"),
        (("carry", "--expires", "2001-01-01"), "is in the past"),
        (("carry", "--percent", "101"), "not a number from 0 to 100"),
        (("carry", "--tag", "zone"), "not of the form K=V"),
        (("default", "--percent", "3"), "takes no --percent"),
        (("carry", "--service", "."), "is not the name of a service"),
    ],
)
def test_wrong_words_are_refused_with_the_mend(meshctl: Meshctl, words: Any, said: str) -> None:
    run = meshctl("mode", *words)
    assert (run.status, run.err.startswith("meshctl: MR2001")) == (2, True)
    assert said in " ".join(run.err.split())
    assert policies(meshctl) == []


@pytest.mark.parametrize(
    ("word", "seconds"), [("90s", 90), ("5m", 300), ("5min", 300), ("2h", 7200), ("1d", 86400), ("7 d", 604800)]
)
def test_durations(word: str, seconds: int) -> None:
    assert instant.epoch(mode_policy.expires(word, 1_000_000.0)) == 1_000_000 + seconds


def test_a_duration_without_end_is_refused() -> None:
    with pytest.raises(Failure):
        mode_policy.expires("9" * 20 + "d", 1.0)


def test_names_of_policies_are_valid_whatever_the_selector(meshctl: Meshctl) -> None:
    run = meshctl("mode", "carry", "--service", "s" * 60, "--tag", "a_b.c=" + "v" * 60)
    assert run.status == 0, run.err
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,63}", policies(meshctl)[0]["name"])
