from __future__ import annotations

import grp
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List

import pytest

from meshrun.boot import launcher
from meshrun.cli import unit_files, vm_machine, vm_plan
from meshrun.cli.unit_files import Unit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Run

BOOT = launcher.boot_folder() or ""
UNIT = "[Service]\nExecStart=/bin/true\n"


class Vm:
    """`meshctl vm` on a tree of the test's own."""

    def __init__(self, meshctl: Meshctl) -> None:
        self.meshctl = meshctl
        self.tree = meshctl.folder / "tree"
        self.folder = self.tree / "etc/systemd/system"
        self.folder.mkdir(parents=True)
        self.drop_in = self.folder / "x.service.d" / vm_plan.NAME
        self.environment = self.folder / "x.service.d" / vm_plan.ENVIRONMENT_NAME

    def unit(self, text: str = UNIT, name: str = "x.service") -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def __call__(self, *words: str) -> Run:
        return self.meshctl("vm", *words, "--root", str(self.tree), here=False)

    def load(self, name: str = "x") -> Unit:
        """The unit with all its drop-ins, ours too."""
        return unit_files.load(name, unit_files.folders({}, str(self.tree)), str(self.tree))

    def enabled(self, *words: str) -> Any:
        """What `enable` says for machines."""
        return self("enable", "x", *words, "-o", "json").json

    def lines(self, *words: str) -> Dict[str, str]:
        """The lines of the drop-in that are no variables."""
        found = [one["line"] for one in self.enabled(*words)["settings"]]
        return dict(line.split("=", 1) for line in found if not line.startswith("Environment"))


@pytest.fixture
def vm(meshctl: Meshctl) -> Vm:
    return Vm(meshctl)


def one_line(text: str) -> str:
    return " ".join(text.split())


def names(folder: Path) -> List[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_enable_status_and_disable_leave_the_tree_as_it_was(vm: Vm) -> None:
    vm.unit()
    before = names(vm.tree)
    assert "no drop-in of meshctl" in vm("status", "x").out
    run = vm("enable", "x", "--service", "web")
    assert run.status == 0
    assert "Undo: meshctl vm disable x.service --root %s" % vm.tree in run.out
    assert "which is yours: systemctl restart x.service" in run.out
    assert "systemd does not run here" in run.out
    assert vm.load().environ["MESHRUN_SERVICE"] == "web"
    assert stat.S_IMODE(vm.drop_in.stat().st_mode) == 0o644
    assert vm("status").status == 0
    assert str(vm.drop_in) in "".join(vm("status").out.split())  # a long path is wrapped
    assert vm("disable", "x", "--dry-run", "-o", "json").json["removed"] == [str(vm.drop_in)]
    assert len(vm("disable", "x", "-o", "json").json["removed"]) == 2
    assert names(vm.tree) == before
    assert "there was no drop-in" in vm("disable", "x").out


def test_a_dry_run_says_the_same_and_writes_nothing(vm: Vm) -> None:
    vm.unit("[Service]\nUser=nobody\n")
    before = names(vm.tree)
    dry = vm.enabled("--service", "web", "--dry-run")
    assert names(vm.tree) == before
    assert [step["what"].partition(" ")[0] for step in dry["steps"]] == ["make", "open", "write"]
    assert "would write" in vm("enable", "x", "--dry-run").out


def test_a_python_path_keeps_its_entries_and_their_order(vm: Vm) -> None:
    vm.unit('[Service]\nEnvironment="PYTHONPATH=/a b:%%s::/c\\\\"\n')
    before = vm.load().environ["PYTHONPATH"]
    assert vm("enable", "x").status == 0
    assert vm.load().environ["PYTHONPATH"] == BOOT + ":" + before
    assert before == "/a b:%s::/c\\"
    assert vm("enable", "x").out.count("is as it should be") == 1
    vm.unit("[Service]\nEnvironment=PYTHONPATH=%s:/d\n" % BOOT)
    assert vm("enable", "x").status == 0
    assert vm.load().environ["PYTHONPATH"] == BOOT + ":/d"


def test_a_later_drop_in_of_the_user_takes_nothing_away(vm: Vm) -> None:
    vm.unit()
    vm.unit("[Service]\nEnvironment=\nEnvironment=PYTHONPATH=/u\n", "x.service.d/override.conf")
    assert vm("enable", "x").status == 0
    assert vm.load().environ["PYTHONPATH"] == BOOT + ":/u"
    assert vm.load().environ["MESHRUN_ENABLED"] == "1"


def test_a_drop_in_that_counts_even_later_is_found(vm: Vm) -> None:
    vm.unit()
    vm("enable", "x")
    for line in ("Environment=PYTHONPATH=/u", "Environment=", "UnsetEnvironment=PYTHONPATH"):
        vm.unit("[Service]\n%s\n" % line, "x.service.d/zzz.conf")
        run = vm("status", "x")
        assert (run.status, "MR800" in run.out) == (1, True), line
    vm.unit("[Service]\nEnvironment=A=1\n", "x.service.d/zzz.conf")
    assert vm("status", "x").status == 0


def test_what_an_environment_file_sets_is_replaced_by_one_of_ours(vm: Vm) -> None:
    vm.unit("[Service]\nEnvironmentFile=/etc/x env\n".replace(" ", "-"))
    (vm.tree / "etc/x-env").write_text('PYTHONPATH="/a b:/c"\nMESHRUN_LANE=blue\nMESHRUN_STATE_DIR=/s\n')
    assert vm("enable", "x", "--service", "web", "--lane", "gray").status == 0
    found = vm.load().environ
    assert found["PYTHONPATH"] == BOOT + ":/a b:/c"
    assert (found["MESHRUN_LANE"], found["MESHRUN_STATE_DIR"], found["MESHRUN_ENABLED"]) == ("gray", "/s", "1")
    assert "RuntimeDirectory" not in vm.drop_in.read_text()
    assert names(vm.drop_in.parent) == [vm_plan.NAME, vm_plan.ENVIRONMENT_NAME]
    (vm.tree / "etc/x-env").write_text("PYTHONPATH=/new\n")
    run = vm("status", "x")
    assert (run.status, "MR8002" in run.out) == (1, True)
    vm("enable", "x")
    assert vm.load().environ["PYTHONPATH"] == BOOT + ":/new"
    assert vm("status", "x").status == 0
    (vm.tree / "etc/x-env").unlink()
    assert "cannot be read now" in vm("enable", "x").out
    assert not vm.environment.exists()
    assert vm.load().environ["PYTHONPATH"] == BOOT
    vm("disable", "x")
    assert names(vm.folder) == ["x.service"]


def test_a_switch_in_an_environment_file_is_left_to_its_owner(vm: Vm) -> None:
    vm.unit("[Service]\nEnvironmentFile=/etc/x-env\n")
    (vm.tree / "etc/x-env").write_text("MESHRUN_ENABLED=0\n")
    run = vm("enable", "x", "--service", "web")
    assert (run.status, "MESHRUN_ENABLED=0, which decides (MR8004)" in one_line(run.out)) == (1, True)
    assert vm.load().environ["MESHRUN_ENABLED"] == "0"


def test_options_hold_until_they_are_given_anew(vm: Vm) -> None:
    vm.unit()
    vm("enable", "x", "--service", "web", "--lane", "gray", "--tags", "version=v2,zone=a", "--mode", "carry")
    assert vm("status", "x", "-o", "json").json["units"][0]["options"] == {
        "service": "web", "lane": "gray", "tags": "version=v2,zone=a", "mode": "carry",
    }  # fmt: skip
    vm("enable", "x", "--lane", "", "--mode", "enforce")
    found = vm.load().environ
    assert (found["MESHRUN_SERVICE"], found["MESHRUN_MODE"], "MESHRUN_LANE" in found) == ("web", "enforce", False)
    for words in (("--service", "a b"), ("--tags", "x"), ("--mode", "fast"), ("--port", "0"),
                  ("--store", "file:/a\nb")):  # fmt: skip
        run = vm("enable", "x", *words)
        assert (run.status, "MR2001" in run.err) == (2, True)


def test_a_stop_reaches_the_main_process_unless_the_unit_says_otherwise(vm: Vm) -> None:
    vm.unit()
    assert vm.lines()["KillMode"] == "mixed"
    for mode in ("process", "control-group"):
        vm.unit("[Service]\nKillMode=%s\n" % mode)
        assert "KillMode" not in vm.lines()
    assert "reaches every worker at once" in vm("enable", "x").out
    vm.unit("[Service]\nKillSignal=SIGQUIT\n")
    assert "not drained" in vm("enable", "x").out


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("TimeoutStopSec=20\n", "41"),
        ("TimeoutStopSec=0\n", None),
        ("TimeoutStopSec=41\n", None),
        ("ExecStart=/v/bin/gunicorn --graceful-timeout 120 a:b\n", "131"),
        ("ExecStart=/v/bin/uvicorn --timeout-graceful-shutdown=2 a:b\nTimeoutStopSec=5\n", "13"),
        ("Environment=MESHRUN_DRAIN_SECONDS=100\n", "135"),
    ],
)
def test_a_stop_has_the_time_that_it_needs(vm: Vm, text: str, wanted: Any) -> None:
    vm.unit("[Service]\n" + text)
    assert vm.lines().get("TimeoutStopSec") == wanted


def test_the_drain_of_the_rules_counts(vm: Vm) -> None:
    vm.meshctl.apply("kind: Lifecycle\nname: web\nservice: web\ndrain: {seconds: 200}\n")
    vm.unit("[Service]\nEnvironment=MESHRUN_SERVICE=web MESHRUN_STORE=%s\n" % vm.meshctl.store)
    assert vm.lines()["TimeoutStopSec"] == "235"


def test_the_state_folder_is_that_of_the_user_and_spares_other_folders(vm: Vm) -> None:
    vm.unit("[Service]\nUser=nobody\n")
    assert vm.lines()["RuntimeDirectoryMode"] == "0700"
    vm.unit("[Service]\nRuntimeDirectory=own\n")
    found = vm.lines()
    assert found["RuntimeDirectory"] == "meshrun-x"
    assert not {"RuntimeDirectoryMode", "RuntimeDirectoryPreserve"} & set(found)
    vm.unit("[Service]\nDynamicUser=yes\n")
    assert "RuntimeDirectoryPreserve" not in vm.lines()
    vm.unit("[Service]\nEnvironment=MESHRUN_STATE_DIR=/s\n")
    assert "RuntimeDirectory" not in vm.lines()
    vm.unit(UNIT, "y@.service")
    assert "RuntimeDirectory=meshrun-y-%i" in vm("enable", "y@").out


def test_services_that_are_not_roots_share_the_store_by_a_group(vm: Vm) -> None:
    vm.unit()
    assert "SupplementaryGroups" not in vm.lines()
    vm.unit("[Service]\nUser=nobody\nProtectSystem=strict\n")
    found = vm.lines()
    assert (found["SupplementaryGroups"], found["ReadWritePaths"]) == ("meshrun", "-/var/lib/meshrun/store")
    vm.unit("[Service]\nUser=nobody\nEnvironment=MESHRUN_STORE=etcd://h:1\n")
    assert not {"SupplementaryGroups", "ReadWritePaths"} & set(vm.lines("--store", "file:/elsewhere"))
    vm.unit("[Service]\nReadOnlyPaths=/\nUser=nobody\n")
    assert vm.lines("--store", "file:/else where")["ReadWritePaths"] == '"-/else where"'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders to a group")
def test_the_store_is_opened_with_what_lies_in_it_already(vm: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
    place = vm.tree / "var/lib/meshrun/store"
    (place / "rules").mkdir(parents=True, mode=0o755)
    (place / "rules" / "a.yaml").write_text("")
    (place / "link").symlink_to("/etc/hostname")
    mode = Path("/etc/hostname").stat().st_mode
    (vm.tree / "etc/group").write_text("meshrun:x:4711:\n")
    vm.unit("[Service]\nUser=nobody\n")
    assert vm("enable", "x").status == 0
    for path in (place, place / "rules"):
        assert (path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (4711, 0o2775)
    assert stat.S_IMODE((place / "rules/a.yaml").stat().st_mode) == 0o664
    assert Path("/etc/hostname").stat().st_mode == mode
    assert vm.enabled()["steps"] == []
    (vm.tree / "etc/group").write_text("")
    assert "there is no group meshrun" in vm("status", "x").out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RootDirectory=/srv/root\n", "a root of its own (RootDirectory=/srv/root)"),
        ("UnsetEnvironment=PYTHONPATH\n", "takes PYTHONPATH out"),
    ],
)
def test_units_for_which_no_drop_in_can_work_are_refused(vm: Vm, text: str, said: str) -> None:
    vm.unit("[Service]\n" + text)
    run = vm("enable", "x")
    assert (run.status, "MR8001" in run.err, said in " ".join(run.err.split())) == (2, True, True)
    assert not vm.drop_in.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ExecStart=/usr/bin/python3 -I app.py\n", "run with -I, which hides PYTHONPATH (MR8004)"),
        ("PrivateTmp=yes\n", "PrivateTmp hides"),
        ("ProtectHome=tmpfs\n", "ProtectHome hides"),
        ("User=nobody\n", "may be read by its owner and group only"),
    ],
)
def test_what_keeps_meshrun_out_is_a_finding(vm: Vm, tmp_path: Path, text: str, said: str) -> None:
    vm.unit("[Service]\n" + text)
    tmp_path.chmod(0o700)
    boot = "/home/nobody/boot" if "Home" in text else str(tmp_path)
    run = vm("enable", "x", "--boot-folder", boot, "--dry-run")
    if "PrivateTmp" in text and not str(tmp_path).startswith("/tmp/"):
        pytest.skip("the folder of this test does not lie in /tmp")
    assert (run.status, said in " ".join(run.out.split())) == (1, True)


def test_an_admin_socket_that_cannot_be_made_is_noted(vm: Vm) -> None:
    for families, noted in (("AF_INET AF_INET6", True), ("~AF_UNIX", True), ("AF_UNIX AF_INET", False)):
        vm.unit("[Service]\nRestrictAddressFamilies=%s\n" % families)
        assert ("leaves no AF_UNIX" in vm("enable", "x").out) is noted


def test_a_file_of_somebody_else_is_left_alone(vm: Vm) -> None:
    vm.unit()
    vm.unit("[Service]\n", "x.service.d/" + vm_plan.NAME)
    run = vm("enable", "x")
    assert (run.status, "was not written by meshctl" in one_line(run.err)) == (2, True)
    assert vm("disable", "x").status == 0
    assert vm.drop_in.exists()


def test_the_drop_in_of_a_unit_that_is_gone_can_be_removed(vm: Vm) -> None:
    vm.unit()
    vm("enable", "x")
    (vm.folder / "x.service").unlink()
    run = vm("status")
    assert (run.status, "there is no unit x.service" in run.out) == (1, True)
    assert vm("disable", "x").status == 0
    assert not vm.drop_in.parent.exists()


def test_a_boot_folder_that_is_gone_is_a_finding(vm: Vm) -> None:
    vm.unit()
    vm("enable", "x", "--boot-folder", "/opt/nothing/boot")
    run = vm("status", "x")
    assert (run.status, "/opt/nothing/boot is gone" in " ".join(run.out.split())) == (1, True)


@pytest.mark.parametrize(
    "text",
    [
        'ExecStart=/bin/true\nEnvironment=PYTHONPATH=/srv/%n "X=a b"\n',
        "ExecStart=/bin/true\nUser=daemon\nProtectSystem=strict\nTimeoutStopSec=3\nEnvironmentFile=-/etc/x-env\n",
        "ExecStart=/bin/true\nDynamicUser=yes\nStateDirectory=x\n",
    ],
)
def test_systemd_understands_every_line(vm: Vm, text: str) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        if os.environ.get("MESHRUN_CI") == "1":
            pytest.fail("systemd-analyze is not installed")
        pytest.skip("systemd-analyze is not installed")
    vm.unit("[Service]\n" + text)
    (vm.tree / "etc/x-env").write_text("PYTHONPATH=/a\n")
    (vm.tree / "etc/group").write_text("meshrun:x:%d:\n" % grp.getgrgid(os.getegid()).gr_gid)
    assert vm("enable", "x", "--service", "web", "--tags", "version=v2").status == 0
    unit = str(vm.folder / "x.service")

    def verified() -> str:
        environ = {"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": "%s:" % vm.folder}
        ran = subprocess.run([str(tool), "verify", unit], env=environ, capture_output=True, text=True, timeout=60,
                             check=False)  # fmt: skip
        return ran.stderr

    assert verified() == ""
    vm.drop_in.write_text(vm.drop_in.read_text() + "Nonsense=1\n")
    assert "Nonsense" in verified()


def test_a_command_of_the_system_that_fails_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "systemctl"
    tool.write_text("#!/bin/sh\necho no bus >&2; exit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Exception, match="daemon-reload") as caught:
        vm_machine.reload_step().do()
    assert "no bus" in str(getattr(caught.value, "why", ""))
    assert vm_machine.shown("x.service") == {}
