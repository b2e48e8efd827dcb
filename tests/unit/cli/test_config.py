from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict

import pytest
import yaml

from meshrun.cli import config_keys
from meshrun.core import settings

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Run

ROOT = Path(__file__).resolve().parents[3]


def config(meshctl: Meshctl, text: str, *words: str) -> Run:
    path = meshctl.folder / "meshrun.yaml"
    path.write_text(text, encoding="utf-8")
    return meshctl("config", *words, "--config", str(path), here=False)


def shown(run: Run) -> Dict[str, Any]:
    return {one["variable"]: one for one in run.json["settings"]}


def test_the_table_of_settings_is_complete() -> None:
    assert set(config_keys.KEYS) == set(settings.resolve({}, {}).values)
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    told = {"MESHRUN_" + name for name, key in config_keys.KEYS.items() if key.used}
    assert set(re.findall(r"MESHRUN_[A-Z_]*[A-Z]", page)) == told


def test_show_gives_each_value_with_its_origin(meshctl: Meshctl, monkeypatch: pytest.MonkeyPatch) -> None:
    meshctl.environ.update(MESHRUN_SERVICE="web", MESHRUN_MODE="carry", MESHRUN_STORE="file:s", MESHRUN_STATE_DIR="st")
    monkeypatch.chdir(meshctl.folder)  # the paths of tests are wider than a screen
    Path("m.yaml").write_text("mode: observe\ntags: { version: v2 }\nentry: true\n")
    run = meshctl("config", "show", "--config", "m.yaml", "--namespace", "shop", here=False)
    assert run.status == 0
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in run.out.splitlines() if line}
    assert rows["MESHRUN_SERVICE"] == "web MESHRUN_SERVICE"
    assert rows["MESHRUN_MODE"] == "carry MESHRUN_MODE"
    assert rows["MESHRUN_TAGS"] == "version=v2 tags in meshrun.yaml"
    assert rows["MESHRUN_NAMESPACE"] == "shop --namespace"
    assert rows["MESHRUN_TRUST"] == "none default with MESHRUN_ENTRY=1"
    assert rows["MESHRUN_LANE"] == "- default: none, in the baseline"
    assert rows["MESHRUN_DRAIN_SECONDS"] == "6 default"
    assert "MESHRUN_COMPAT" not in rows  # nothing reads it yet


def test_show_for_machines_has_every_setting_and_no_secret(meshctl: Meshctl) -> None:
    meshctl.environ.update(MESHRUN_ADMIN_TOKEN="hush", OTEL_SERVICE_NAME="billing", MESHRUN_STORE="etcd://u:hush@h")
    found = shown(config(meshctl, "ports: { http: 8000 }\n", "show", "-o", "json"))
    assert len(found) == len(config_keys.KEYS)
    assert found["MESHRUN_SERVICE"]["value"] == "billing"
    assert found["MESHRUN_SERVICE"]["source"] == "environment (OTEL_SERVICE_NAME)"
    assert found["MESHRUN_PORTS"]["value"] == {"http": 8000}
    assert (found["MESHRUN_ADMIN_TOKEN"]["value"], found["MESHRUN_STORE"]["value"]) == (None, "etcd://u:***@h")
    assert "hush" not in config(meshctl, "", "show").out


def test_show_says_what_cannot_be_read_and_goes_on(meshctl: Meshctl) -> None:
    meshctl.environ["MESHRUN_PORT"] = "eight"
    run = config(meshctl, "", "show")
    assert run.status == 0
    assert "MESHRUN_PORT='eight' (environment): expected a port" in run.out


def test_a_file_that_is_not_there_is_an_error_of_show(meshctl: Meshctl) -> None:
    run = meshctl("config", "show", "--config", "/nowhere.yaml", here=False)
    assert (run.status, run.err.startswith("meshctl: MR2002")) == (2, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("servce: web\n", ("1:1", "there is no setting 'servce'", "Did you mean service?", "MR2004")),
        ("a: 1\nMESHRUN_MODE: carry\n", ("2:1", "there is no setting 'MESHRUN_MODE'", "Did you mean mode?", "MR2004")),
        ("Mode: carry\n", ("1:1", "there is no setting 'Mode'", "Did you mean mode?", "MR2004")),
        ("mode: enforced\n", ("1:1", "'enforced' cannot be read", "counts.", "MR2004")),
        ("tags: { a: x y }\n", ("1:1", "'a=x y' cannot be read", "counts.", "MR2004")),
        ("hooks: all\n", ("1:1", "'hooks' has no effect in the file", "MESHRUN_HOOKS", "MR2005")),
        ("store: etcd://h:1\n", ("1:1", "no engine for the store", "Write file:DIR.", "MR2004")),
        ("trust: 10.0.0.0/33\n", ("1:1", "10.0.0.0/33", "nobody's colour counts", "MR2004")),
        ("wire_read: [b3]\n", ("1:1", "unknown dialect: b3", "baggage", "MR2004")),
        ("mode: carry\nmode: off\n", ("2:1", "stands twice", "Remove one", "MR2002")),
        ("mode: [\n", ("2:1", "the file is not read", "brackets", "MR2002")),
        ("- mode\n", ("1:1", "not a mapping", "store:", "MR2002")),
        ("mode: carry\n---\nmode: off\n", ("3:1", "a second document", "Keep one", "MR2002")),
    ],
)
def test_check_names_the_place_the_fault_and_the_mend(meshctl: Meshctl, text: str, expected: Any) -> None:
    place, what, mend, code = expected
    run = config(meshctl, text, "check", "-o", "json")
    found = [one for one in run.json["problems"] if one["where"].endswith(":" + place)]
    assert run.status == 1
    assert [what in one["what"] for one in found] == [True], run.out
    assert (mend in found[0]["mend"], found[0]["code"]) == (True, code)


def test_check_looks_at_the_environment_too(meshctl: Meshctl) -> None:
    meshctl.environ.update(MESHRUN_MOD="carry", MESHRUN_HOOKS="urlib3", MESHRUN_MODE="foo", MESHRUN_LOG="debug")
    run = meshctl("config", "check", "-o", "json", here=False)
    assert {(one["where"], one["mend"].partition("?")[0], one["advice"]) for one in run.json["problems"]} == {
        ("MESHRUN_MOD", "Did you mean MESHRUN_MODE", False),
        ("MESHRUN_HOOKS", "Did you mean urllib3", False),
        (
            "MESHRUN_MODE",
            "Expected one of off, dormant, observe, carry, enforce. Until then meshrun.yaml or the default counts.",
            False,
        ),
        ("MESHRUN_LOG", "", True),
    }


def test_a_file_that_is_named_is_checked_by_itself(meshctl: Meshctl) -> None:
    meshctl.environ["MESHRUN_MOD"] = "carry"
    path = meshctl.folder / "other.yaml"
    path.write_text("mode: carry\n")
    run = meshctl("config", "check", str(path), here=False)
    assert (run.status, run.out) == (0, "no problem in %s\n" % path)
    missing = meshctl("config", "check", "/nowhere.yaml", here=False)
    assert (missing.status, missing.err.startswith("meshctl: MR2003")) == (2, True)


@pytest.mark.parametrize(("token", "status"), [("", 1), ("hush", 0)])
def test_check_misses_the_token_of_the_admin_api(meshctl: Meshctl, token: str, status: int) -> None:
    meshctl.environ.update(MESHRUN_ADMIN="127.0.0.1:55200", MESHRUN_ADMIN_TOKEN=token)
    run = meshctl("config", "check", here=False)
    assert (run.status, "MESHRUN_ADMIN: it is not opened without a token" in run.out) == (status, bool(status))


def test_a_file_may_leave_the_token_to_the_environment(meshctl: Meshctl) -> None:
    path = meshctl.folder / "other.yaml"
    path.write_text("admin: 127.0.0.1:55200\n")
    run = meshctl("config", "check", str(path), here=False)
    assert (run.status, "note" in run.out) == (0, True)


def test_what_does_no_harm_is_no_finding(meshctl: Meshctl) -> None:
    run = config(meshctl, "compat: [mse]\nwire_read: [sct, baggage]\nentry: true\ntrust: all\n", "check")
    assert run.status == 0
    assert "note  " in run.out
    assert "everybody's colour counts" in " ".join(run.out.split())


def test_init_prints_a_file_that_is_valid_as_it_is_and_with_every_line_switched_on(meshctl: Meshctl) -> None:
    text = meshctl("config", "init", here=False).out
    assert yaml.safe_load(text) is None
    assert max(map(len, text.splitlines())) <= 110
    on = re.sub(r"(?m)^#(?=[a-z_]+:)", "", text)
    meshctl.environ["MESHRUN_ADMIN_TOKEN"] = "hush"
    usable = {name.lower() for name, key in config_keys.KEYS.items() if key.used and not key.early}
    assert set(yaml.safe_load(on)) == usable
    assert config(meshctl, on, "check").out.startswith("no problem")


def test_init_writes_a_new_file_and_never_over_an_old_one(meshctl: Meshctl) -> None:
    path = meshctl.folder / "made.yaml"
    assert meshctl("config", "init", str(path), here=False).status == 0
    assert path.read_text() == config_keys.template()
    path.write_text("mine")
    run = meshctl("config", "init", str(path), here=False)
    assert (run.status, "MR2006" in run.err, path.read_text()) == (1, True, "mine")
    run = meshctl("config", "init", str(meshctl.folder / "none" / "a.yaml"), here=False)
    assert (run.status, "MR2007" in run.err) == (2, True)
