from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict

import pytest

from meshrun import __version__
from meshrun.boot import launcher
from meshrun.cli import kill_time, target, unit_files

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Run

BOOT = launcher.boot_folder() or ""


class Doctor:
    """`meshctl doctor` in an environment of the test's own."""

    def __init__(self, meshctl: Meshctl) -> None:
        self.meshctl, self.environ = meshctl, meshctl.environ
        folder = str(Path(sys.executable).parent)
        self.environ.update(PATH=folder, MESHRUN_STORE=meshctl.store, MESHRUN_STATE_DIR=str(meshctl.state))

    def __call__(self, *words: str) -> Run:
        return self.meshctl("doctor", *words, here=False)

    def check(self, name: str, *words: str) -> Any:
        [found] = [one for one in self("-o", "json", *words).json["checks"] if one["name"] == name]
        return found


@pytest.fixture
def doctor(meshctl: Meshctl, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    monkeypatch.setattr(kill_time, "_CONTAINERS", ())  # the tests may run in one
    return Doctor(meshctl)


@pytest.fixture
def units(tmp_path: Path, doctor: Doctor) -> Path:
    """A folder of units that `doctor` looks into."""
    folder = tmp_path / "units"
    folder.mkdir()
    doctor.environ["SYSTEMD_UNIT_PATH"] = str(folder)
    return folder


def test_each_check_is_one_line_where_no_person_looks(doctor: Doctor) -> None:
    doctor.environ["MESHRUN_STATE_DIR"] = str(doctor.meshctl.folder / ("deep/" * 60))
    run = doctor("--pre")
    lines = run.out.partition("\n\n")[0].splitlines()
    assert run.status == 0
    assert all(line.split()[0] in ("ok", "note", "!") for line in lines)
    assert len(lines) == len(doctor("--pre", "-o", "json").json["checks"])
    assert max(map(len, lines)) > 300


def test_before_it_is_switched_on_nothing_has_to_start_it(doctor: Doctor) -> None:
    for environ, state in (
        ({}, "ok"),
        ({"MESHRUN_ENABLED": "0"}, "note"),
        ({"PYTHONPATH": BOOT}, "note"),
        ({"PYTHONPATH": BOOT, "MESHRUN_ENABLED": "1"}, "ok"),
    ):
        doctor.environ.update({"MESHRUN_ENABLED": "", "PYTHONPATH": "", **environ})
        assert doctor.check("start", "--pre", "python", "app.py")["state"] == state
        assert doctor("--pre", "python", "app.py").status == 0
    assert doctor.check("start", "--pre", "python", "-I", "app.py")["code"] == "MR7003"


def test_before_it_is_switched_on_nothing_is_made(doctor: Doctor) -> None:
    doctor.environ["MESHRUN_STATE_DIR"] = str(doctor.meshctl.folder / "later")
    assert doctor("--pre").status == 0
    assert not (doctor.meshctl.folder / "later").exists()
    assert not (doctor.meshctl.folder / "store").exists()


def test_it_runs_by_a_python_that_has_the_environment_alone(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": BOOT, "MESHRUN_ENABLED": "1", "HOME": str(tmp_path), "PATH": os.defpath}
    environ.update(MESHRUN_STATE_DIR=str(tmp_path / "s"), MESHRUN_STORE="file:%s/store" % tmp_path)
    ran = subprocess.run(
        [sys.executable, "-m", "meshrun.cli", "doctor", "--pre", sys.executable, "app.py"], env=environ,
        cwd=str(tmp_path), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "start         by %s on PYTHONPATH" % BOOT in ran.stdout


def test_a_python_path_that_was_lost_is_said(doctor: Doctor, tmp_path: Path) -> None:
    doctor.environ.update(MESHRUN_ENABLED="1", PYTHONPATH="")
    assert "it is empty" in doctor.check("PYTHONPATH", "python", "app.py")["what"]
    doctor.environ["PYTHONPATH"] = "/opt/gone/boot:%s" % tmp_path
    found = doctor.check("PYTHONPATH", "--pre")
    assert (found["code"], found["state"], found["what"]) == (
        "MR7013", "wrong", "/opt/gone/boot on PYTHONPATH is not there",
    )  # fmt: skip
    assert doctor("--pre").status == 1
    assert doctor("meshrun", "python", "app.py").status == 0  # the launcher puts it there
    assert doctor().status == 0  # as it would here


def test_a_child_that_lost_what_its_parent_had_is_said(doctor: Doctor, tmp_path: Path) -> None:
    # The child says its pid: just after the call of exec the kernel has no environment to show yet.
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    code = "import os, subprocess, sys\nenviron = dict(os.environ, PYTHONPATH='/x')\n"
    code += "subprocess.call([sys.executable, '-c', %r], env=environ)\n" % child
    environ = {**doctor.environ, "PYTHONPATH": BOOT, "MESHRUN_ENABLED": "1"}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        found = doctor.check("PYTHONPATH", "--pid", str(pid))
        assert found["what"] == "the parent of the process has %s on PYTHONPATH, the process has not" % BOOT
        os.kill(pid, 9)
    finally:
        parent.kill()
        parent.wait()
        if parent.stdout is not None:
            parent.stdout.close()


def test_another_release_on_the_path_is_said(doctor: Doctor, tmp_path: Path) -> None:
    boot = tmp_path / "other" / "boot"
    package = tmp_path / "other" / "lib" / "meshrun"
    boot.mkdir(parents=True)
    package.mkdir(parents=True)
    (boot / "sitecustomize.py").write_text((Path(BOOT) / "sitecustomize.py").read_text())
    (package / "__init__.py").write_text('__version__ = "9.8"\n')
    doctor.environ.update(PYTHONPATH=str(boot), MESHRUN_ENABLED="1")
    assert doctor.check("meshrun")["what"] == "%s is meshrun 9.8, this meshctl is %s" % (boot, __version__)


def test_ports_are_those_that_the_settings_name(doctor: Doctor) -> None:
    assert "the first that a server" in doctor.check("ports")["what"]
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = str(sock.getsockname()[1])
        doctor.environ["MESHRUN_PORT"] = port
        assert doctor.check("ports")["what"] == port + " is free"
        doctor.environ["MESHRUN_PROBE"] = "0.0.0.0:" + port  # said once
        assert doctor.check("ports", "--pid", str(os.getpid()))["state"] == "ok"  # the pid has no such setting
        sock.listen()
        found = doctor.check("ports")
        assert (found["state"], found["code"]) == ("note", "MR7014")


def test_clocks_are_compared_by_the_leases(doctor: Doctor) -> None:
    meshctl = doctor.meshctl
    assert "no live lease" in doctor.check("clock")["what"] or doctor.check("clock")["code"] == "MR7015"
    meshctl.instance("orders", 8000)
    assert doctor.check("clock")["state"] != "wrong"
    [record] = (meshctl.folder / "store" / "instances").rglob("*.json")
    for seconds in (600, -600):
        os.utime(str(record), (time.time() + seconds, time.time() + seconds))
        found = doctor.check("clock")
        assert (found["state"], found["code"]) == ("wrong", "MR7015")
        assert "orders-8000 by %+d s" % seconds in found["what"]


@pytest.mark.parametrize(
    ("environ", "words", "state", "said"),
    [
        ({}, (), "ok", "not known: name it with --grace"),
        ({}, ("--grace", "5"), "wrong", "--grace waits 5 s"),
        ({}, ("--grace", "7"), "ok", "drains 6 s at most (default); --grace waits 7 s"),
        ({"MESHRUN_DRAIN_SECONDS": "40"}, ("--grace", "30"), "wrong", "40 s at most (MESHRUN_DRAIN_SECONDS)"),
        ({"KUBERNETES_SERVICE_HOST": "h"}, (), "ok", "Kubernetes, unless"),
        ({"KUBERNETES_SERVICE_HOST": "h", "MESHRUN_DRAIN_SECONDS": "30"}, (), "note", "waits 30 s"),
        ({"SUPERVISOR_ENABLED": "1", "MESHRUN_DRAIN_SECONDS": "10"}, (), "note", "supervisord, unless"),
    ],
)
def test_the_drain_is_compared_with_what_the_platform_waits(
    doctor: Doctor, environ: Dict[str, str], words: tuple[str, ...], state: str, said: str
) -> None:
    doctor.environ.update(environ)
    found = doctor.check("stop", *words)
    assert (found["state"], said in found["what"]) == (state, True)
    assert (found["code"] == "MR7016") is (state != "ok")


def test_the_drain_of_a_rule_is_the_one_that_is_compared(doctor: Doctor) -> None:
    doctor.environ["MESHRUN_SERVICE"] = "web"
    doctor.meshctl.apply("kind: Lifecycle\nname: web\nservice: web\ndrain: {seconds: 50}\n")
    assert "drains 50 s at most (Lifecycle rule of web)" in doctor.check("stop", "--grace", "20")["what"]


def test_a_unit_is_looked_at_with_its_own_environment(doctor: Doctor, units: Path) -> None:
    text = "[Service]\nExecStart=%s -m app\nEnvironment=MESHRUN_SERVICE=web%s\n"
    (units / "web.service").write_text(text % (sys.executable, ""))
    assert doctor.check("start", "--unit", "web")["code"] == "MR7002"
    assert doctor("--pre", "--unit", "web").status == 0
    assert "waits 90 s and tells every process at once" in doctor.check("stop", "--unit", "web")["what"]
    more = " MESHRUN_ENABLED=1 PYTHONPATH=%s\nKillMode=mixed\nTimeoutStopSec=3" % BOOT
    (units / "web.service").write_text(text % (sys.executable, more))
    assert doctor.check("start", "--unit", "web")["state"] == "ok"
    assert "web.default" in doctor.check("service", "--unit", "web")["what"]
    assert "systemd (web.service) waits 3 s" in doctor.check("stop", "--unit", "web")["what"]
    assert doctor("--unit", "nope").status == 2
    assert doctor("--unit", "web", "--pid", "1").status == 2
    (units / "none.service").write_text("[Service]\n")
    assert "has no ExecStart" in doctor("--unit", "none").err


@pytest.mark.parametrize(
    ("mode", "at_once", "sweeps"),
    [("", True, True), ("control-group", True, True), ("mixed", False, True), ("process", False, False)],
)
def test_whom_a_stop_of_systemd_reaches(units: Path, mode: str, at_once: bool, sweeps: bool) -> None:
    (units / "web.service").write_text("[Service]\nExecStart=x\n" + (mode and "KillMode=%s\n" % mode))
    found = kill_time.platform({}, None, unit_files.load("web", [str(units)], ""))
    assert found is not None
    assert (found.all_at_once, found.sweeps) == (at_once, sweeps)


def test_workers_that_are_told_at_once_are_a_matter_of_uwsgi_alone(doctor: Doctor, units: Path) -> None:
    uwsgi = "%s uwsgi --http :80" % sys.executable
    for command, state in (("%s -m gunicorn app" % sys.executable, "ok"), (uwsgi, "note"),
                           (uwsgi + "\nKillMode=mixed", "ok")):  # fmt: skip
        (units / "web.service").write_text("[Service]\nExecStart=%s\n" % command)
        found = doctor.check("stop", "--unit", "web")
        assert (found["state"], found["code"]) == (state, None if state == "ok" else "MR7016")


def test_pid_1_takes_all_others_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kill_time, "_CONTAINERS", (str(tmp_path),))
    for pid, sweeps in ((1, True), (999999999, False)):
        found = kill_time.platform({}, pid, None)
        assert found is not None
        assert found.sweeps is sweeps


def test_what_supervisord_waits_is_read_where_it_was_started(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "super.conf").write_text("[supervisord]\n[include]\nfiles = %(here)s/conf.d/*.ini\n")
    (tmp_path / "conf.d" / "web.ini").write_text("[program:web]\ncommand=x\nstopwaitsecs=3 ; short\nstopasgroup=true\n")
    found = kill_time._program(str(tmp_path / "super.conf"), {"SUPERVISOR_PROCESS_NAME": "web"})
    assert found is not None
    assert (found["stopwaitsecs"], found["stopasgroup"]) == ("3", "true")
    assert kill_time._program(str(tmp_path / "nothing"), {"SUPERVISOR_PROCESS_NAME": "web"}) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_python_of_another_user_is_not_asked_as_root() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        fake = Path(folder) / "python"
        fake.write_text("#!/bin/sh\nid -u >&2\nexit 1\n")
        fake.chmod(0o755)
        aim = target.resolve([str(fake)], {"PATH": os.defpath})
        with pytest.raises(ValueError, match=r"^65534$"):
            target.ask(aim, 65534)


def test_the_user_of_a_unit_is_known_where_it_can_be(units: Path) -> None:
    for user, uid in (("", 0), ("User=0\n", 0), ("User=4711\n", 4711), ("User=no-such-user\n", 65534),
                      ("User=root\nDynamicUser=yes\n", 65534)):  # fmt: skip
        (units / "u.service").write_text("[Service]\n" + user)
        assert unit_files.uid(unit_files.load("u", [str(units)], "")) == uid
