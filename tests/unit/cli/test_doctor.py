from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import pytest

from meshrun.boot import crash, launcher
from meshrun.cli import installed, target, taught
from tests.compat.pythons import find

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Processes, Run

PYTHON = Path(sys.executable)


class Doctor:
    """`meshctl doctor` in an environment of the test's own, with this Python as `python` on PATH."""

    def __init__(self, meshctl: Meshctl) -> None:
        self.meshctl = meshctl
        self.environ = meshctl.environ
        self.bin = meshctl.folder / "bin"
        self.bin.mkdir()
        self.command("python", "#!%s\n" % sys.executable, link=PYTHON)
        self.environ.update(PATH=str(self.bin), MESHRUN_STORE=meshctl.store, MESHRUN_STATE_DIR=str(meshctl.state))

    def command(self, name: str, text: str, link: Optional[Path] = None) -> Path:
        path = self.bin / name
        if link is not None:
            path.symlink_to(link)
        else:
            path.write_text(text)
            path.chmod(0o755)
        return path

    def site(self, *names: str, **files: str) -> Path:
        """A folder on PYTHONPATH with distributions such as `urllib3-2.0.0`, and modules."""
        folder = self.meshctl.folder / "site-packages"
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / (name + ".dist-info")).mkdir()
        for module, text in files.items():
            (folder / (module + ".py")).write_text(text)
        return folder

    def __call__(self, *words: str) -> Run:
        return self.meshctl("doctor", *words, here=False)

    def checks(self, *words: str) -> Dict[str, Any]:
        return {one["name"]: one for one in self("-o", "json", *words).json["checks"]}

    def libraries(self, *words: str) -> Dict[str, Any]:
        return {one["name"]: one for one in self("-o", "json", *words).json["libraries"]}


@pytest.fixture
def doctor(meshctl: Meshctl) -> Doctor:
    return Doctor(meshctl)


def test_alone_it_speaks_of_what_the_launcher_would_start(doctor: Doctor) -> None:
    run = doctor()
    assert run.status == 0
    said = " ".join(run.out.split())
    assert "(`python` on PATH)" in said
    assert "loads where a program is started by `meshrun`" in said
    assert "no service name" in said
    assert "0 rule documents, 0 live instances" in said
    assert run.out.endswith("no problem\n")


def test_it_leaves_nothing_behind(doctor: Doctor, meshctl: Meshctl) -> None:
    doctor("meshrun", "--service", "web", "python", "app.py")
    assert not (meshctl.folder / "store").exists()
    assert list(meshctl.state.iterdir()) == []


def test_a_launched_command_needs_nothing_else(doctor: Doctor) -> None:
    run = doctor("meshrun", "--service", "web", "--mode", "carry", "--tags", "version=v2", "python", "app.py")
    said = " ".join(run.out.split())
    assert run.status == 0
    assert "ok start by the launcher `meshrun`" in said
    assert "web.default, tags version=v2 (MESHRUN_SERVICE)" in said
    assert "carry (MESHRUN_MODE), until a Policy says otherwise" in said


def test_a_command_that_nothing_starts_is_a_finding(doctor: Doctor) -> None:
    run = doctor("python", "app.py")
    assert (run.status, doctor.checks("python", "app.py")["start"]["code"]) == (1, "MR7002")
    folder = launcher.boot_folder()
    assert folder is not None
    doctor.environ["PYTHONPATH"] = folder
    assert "MESHRUN_ENABLED is not set" in doctor.checks("python", "app.py")["start"]["what"]
    doctor.environ["MESHRUN_ENABLED"] = "1"
    assert doctor.checks("python", "app.py")["start"]["what"] == "by %s on PYTHONPATH" % folder


def test_the_switch_decides_whoever_starts_it(doctor: Doctor) -> None:
    doctor.environ["MESHRUN_ENABLED"] = "0"
    found = doctor.checks("meshrun", "python", "app.py")["start"]
    assert (found["state"], found["code"]) == ("wrong", "MR7002")


@pytest.mark.parametrize("flags", [["-I"], ["-E"], ["-S"], ["-uE"], ["-W", "error", "-sI"]])
def test_options_of_the_interpreter_that_keep_it_out_are_named(doctor: Doctor, flags: List[str]) -> None:
    found = doctor.checks("meshrun", "python", *flags, "app.py")["start"]
    assert (found["state"], found["code"]) == ("wrong", "MR7003")


@pytest.mark.parametrize("words", [["-u", "app.py", "-I"], ["-m", "app", "-E"], ["-c", "-S"], ["-", "-I"]])
def test_options_of_the_program_are_not_those_of_the_interpreter(doctor: Doctor, words: List[str]) -> None:
    assert doctor.checks("meshrun", "python", *words)["start"]["state"] == "ok"


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_an_old_python_is_said_and_nothing_else(doctor: Doctor, version: str) -> None:
    python = find(version)
    if python is None:
        pytest.skip("no Python %s on this machine" % version)
    run = doctor(str(python), "app.py")
    assert run.status == 1
    assert "CPython %s." % version in run.out
    assert "MR7001" in run.out
    assert "LIBRARY" not in run.out


def test_scripts_are_followed_to_their_interpreter(doctor: Doctor) -> None:
    doctor.command("tool", "#!%s -E\n" % sys.executable)
    doctor.command("by-env", "#!/usr/bin/env python\n")
    doctor.command("long", "#!/bin/sh\n'''exec' %s \"$0\" \"$@\"\n' '''\n" % sys.executable)
    doctor.command("shell", "#!/bin/sh\nexec python\n")
    assert doctor.checks("meshrun", "tool")["start"]["code"] == "MR7003"
    assert "first line of %s" % (doctor.bin / "by-env") in doctor.checks("by-env")["python"]["what"]
    assert str(PYTHON) in doctor.checks("long")["python"]["what"]
    assert "is no Python program" in doctor.checks("meshrun", "shell")["python"]["what"]


def test_a_command_that_is_missing_or_broken_is_a_finding(doctor: Doctor) -> None:
    doctor.command("python9", "#!/nowhere\n")
    for words in (["nope"], ["meshrun", "nope"], ["python9", "app.py"]):
        run = doctor(*words)
        assert (run.status, "MR7011" in run.out) == (1, True)
    run = doctor("meshrun", "--servce", "web", "python")
    assert (run.status, "unknown option --servce" in run.err) == (2, True)
    run = doctor("meshrun")
    assert (run.status, run.err.startswith("meshctl: MR2001")) == (2, True)
    assert doctor("--pid", "1", "python").status == 2


def test_versions_are_those_that_the_program_would_import(doctor: Doctor) -> None:
    site = doctor.site("urllib3-1.25.11", "gunicorn-23.0.0", "uvicorn-0.30.0", "httpcore-1.0.9", "aiohttp-3.9.0")
    other = doctor.meshctl.folder / "later"
    other.mkdir()
    (other / "urllib3-2.0.0.dist-info").mkdir()
    doctor.environ.update(PYTHONPATH="%s:%s" % (site, other), MESHRUN_HOOKS="-uvicorn,-aiohttp_web")
    found = doctor.libraries()
    assert (found["urllib3"]["version"], found["urllib3"]["state"]) == ("1.25.11", "off")
    assert (found["gunicorn"]["version"], found["gunicorn"]["state"]) == ("23.0.0", "supported")
    assert (found["uvicorn"]["state"], found["uvicorn"]["why"]) == ("off", "MESHRUN_HOOKS")
    assert found["aiohttp"]["why"] == "without aiohttp_web (MESHRUN_HOOKS)"
    assert found["signal"]["version"] == ".".join(map(str, sys.version_info[:3]))
    run = doctor()
    assert (run.status, "urllib3 1.25.11 is not supported (>=1.26,<3)" in " ".join(run.out.split())) == (1, True)


def test_other_agents_are_named(doctor: Doctor) -> None:
    site = doctor.site("ddtrace-4.1.0", "opentelemetry_instrumentation-0.60b1")
    doctor.environ["PYTHONPATH"] = str(site)
    found = doctor("-o", "json")
    assert found.json["agents"] == {"ddtrace": "4.1.0", "opentelemetry-instrumentation": "0.60b1"}
    assert doctor.checks()["other agents"]["state"] == "note"


def test_another_sitecustomize_runs_too_unless_it_stands_before(doctor: Doctor) -> None:
    site = doctor.site(sitecustomize="raise SystemExit(3)\n")
    folder = launcher.boot_folder()
    assert folder is not None
    doctor.environ.update(MESHRUN_ENABLED="1", PYTHONPATH=os.pathsep.join([folder, str(site)]))
    assert doctor.checks("python")["sitecustomize"]["what"].endswith("runs first, as without meshrun")
    doctor.environ["PYTHONPATH"] = os.pathsep.join([str(site), folder])
    found = doctor.checks("python")["sitecustomize"]
    assert (found["state"], found["code"]) == ("wrong", "MR7004")
    assert "sitecustomize" not in [one["name"] for one in doctor("-o", "json").json["checks"] if one["state"] == "ok"]


def test_wrong_settings_a_set_kill_switch_and_young_deaths_are_findings(doctor: Doctor, meshctl: Meshctl) -> None:
    doctor.environ.update(MESHRUN_MOD="carry", MESHRUN_LANE="a b")
    (meshctl.state / "off").touch()
    (meshctl.state / "crash").mkdir()
    crash.record(str(meshctl.state) + "/crash", "k", 2, b"default\0web\0python\0app.py\0")
    found = doctor.checks()
    assert {name: one["code"] for name, one in found.items() if one["state"] == "wrong"} == {
        "settings": "MR2004",
        "service": "MR6003",
        "kill switch": "MR7006",
        "crash guard": "MR7007",
    }
    assert found["crash guard"]["what"].startswith(
        "python app.py (web) died within 10 s of its start, 2 times in a row"
    )


def test_a_store_that_cannot_be_read_is_exit_status_3(doctor: Doctor) -> None:
    doctor.environ["MESHRUN_STORE"] = "nacos://h:1"
    run = doctor()
    assert (run.status, "MR3001" in run.out) == (3, True)
    doctor.environ["MESHRUN_MOD"] = "1"
    assert doctor().status == 1


def test_a_state_folder_that_cannot_be_had_is_a_finding(doctor: Doctor) -> None:
    doctor.environ["MESHRUN_STATE_DIR"] = "/proc/nothing"
    assert doctor.checks()["state folder"]["code"] in (None, "MR7005")  # root may write where nobody can
    blocked = doctor.meshctl.folder / "file"
    blocked.touch()
    doctor.environ["MESHRUN_STATE_DIR"] = str(blocked)
    assert doctor.checks()["state folder"]["code"] == "MR7005"


def test_a_mode_that_patches_nothing_is_said(doctor: Doctor) -> None:
    doctor.environ["MESHRUN_MODE"] = "dormant"
    assert doctor.checks()["mode"]["code"] == "MR7012"


def test_an_istio_sidecar_is_said(doctor: Doctor) -> None:
    doctor.environ["ISTIO_META_CLUSTER_ID"] = "x"
    assert doctor.checks()["sidecar"]["state"] == "note"


def test_a_process_that_is_gone_cannot_be_looked_at(doctor: Doctor) -> None:
    run = doctor("--pid", "999999999")
    assert (run.status, run.err.startswith("meshctl: MR6001")) == (3, True)


def test_a_process_without_a_socket_is_looked_at_from_outside(doctor: Doctor) -> None:
    run = doctor("--pid", str(os.getpid()), "-o", "json")
    names = [one["name"] for one in run.json["checks"]]
    assert (run.json["pid"], names[0], names[-1], run.json["hooks"]) == (os.getpid(), "python", "process", None)


def test_the_hooks_of_a_live_process_are_those_that_it_reports(
    doctor: Doctor, process: Processes, meshctl: Meshctl
) -> None:
    hooks = {"urllib3": "applied", "httpcore": "waiting", "uvloop": "off:seam uvloop:Loop is gone"}
    process(os.getpid(), hooks=hooks, early=["requests"], mode_reason="default")
    run = meshctl("doctor", "--pid", str(os.getpid()), "--state-dir", str(meshctl.state), "-o", "json", here=False)
    assert (run.json["hooks"], run.json["early"]) == (hooks, ["requests"])
    codes = [one["code"] for one in run.json["checks"] if one["name"] == "process"]
    assert codes == [None, "MR6009", "MR6010"]
    text = meshctl("doctor", "--pid", str(os.getpid()), "--state-dir", str(meshctl.state), here=False).out
    assert "waiting  httpcore, whose libraries are not imported" in text
    assert "off: seam uvloop:Loop is gone" in text


def test_hooks_lists_what_is_taught(meshctl: Meshctl) -> None:
    run = meshctl("hooks")
    assert run.status == 0
    assert {line.split()[0] for line in run.out.splitlines()[1:-2]} == set(taught.table(taught.folder()).values())
    hooks = {hook["name"]: hook for hook in meshctl("hooks", "-o", "json").json["hooks"]}
    assert hooks["urllib3"]["supported"] == [">=1.26", "<3"]
    assert all(hook["triggers"] and hook["library"] and hook["about"] for hook in hooks.values())


def test_hooks_groups_live_processes_that_stand_alike(meshctl: Meshctl, process: Processes) -> None:
    process(11, hooks={"urllib3": "applied"})
    process(12, hooks={"urllib3": "applied"})
    process(13, hooks={"urllib3": "off:urllib3 1.25 is not supported"}, service="orders", early=["urllib3"])
    run = meshctl("hooks")
    lines = run.out.splitlines()
    assert run.status == 1
    assert lines[0] == "pids 11 and 12 (web)"
    assert "pid 13 (orders)" in lines
    assert "off: urllib3 1.25 is not supported" in run.out
    assert "imported before meshrun started: urllib3" in " ".join(run.out.split())
    assert meshctl("hooks", "--service", "web").status == 0
    assert len(meshctl("hooks", "--pid", "13", "-o", "json").json["processes"]) == 1
    assert meshctl("hooks", "--pid", "14").status == 3


def test_a_process_that_is_dormant_has_no_broken_hooks(meshctl: Meshctl, process: Processes) -> None:
    process(11, mode="dormant", mode_reason="kill switch /x/off", hooks={"urllib3": "off:kill switch /x/off"})
    assert meshctl("hooks").status == 0
    run = meshctl("status")
    assert (run.status, "MR6009" in run.out, "dormant, so nothing is patched: kill switch /x/off" in run.out) == (
        0,
        False,
        True,
    )


def test_distributions_are_found_whatever_the_form_of_their_folder(tmp_path: Path) -> None:
    for name in ("Foo_Bar-1.2.dist-info", "old-0.1-py3.11.egg-info", "plain.egg-info", "not-a-version.dist-info"):
        (tmp_path / name).mkdir()
    (tmp_path / "plain.egg-info" / "PKG-INFO").write_text("Name: plain\nVersion: 7\n")
    assert installed.distributions([str(tmp_path), "/nowhere", ""])["foo-bar"] == "1.2"
    found = installed.distributions([str(tmp_path)])
    assert (found["old"], found["plain"], len(found)) == ("0.1", "7", 3)


def test_modules_are_found_in_the_order_of_the_path(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "m").mkdir(parents=True)
    (tmp_path / "a" / "m.cpython-311-x86_64-linux-gnu.so").touch()
    (tmp_path / "b" / "m" / "__init__.py").touch()
    path = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert [Path(place).name for place in installed.modules("m", path)] == [
        "m.cpython-311-x86_64-linux-gnu.so",
        "__init__.py",
    ]
    assert installed.module("n", path) is None


def test_the_python_is_asked_without_its_customization_modules(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for name in ("sitecustomize", "usercustomize"):
        (tmp_path / (name + ".py")).write_text("open(%r, 'w')\n" % str(mark))
    environ = {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}
    found = target.ask(target.resolve([sys.executable], environ))
    assert (found.version, str(tmp_path) in found.path, mark.exists()) == (sys.version_info[:3], True, False)
