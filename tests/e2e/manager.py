"""A systemd manager of the test's own, whose /etc, /run, /var/lib and /opt nobody else sees.

It is a user manager that root runs in a mount namespace and a control group of its own: the same code that runs units
on a machine, with `User=`, `RuntimeDirectory=` and `KillMode=` in force. What it is not: PID 1.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from tests.contract.running import until

SYSTEMD = Path("/lib/systemd/systemd")
TOOLS = ("systemctl", "unshare", "nsenter", "mount", "groupadd", "useradd")
GROUPS = Path("/sys/fs/cgroup")
_SETUP = """set -e
for group in %(groups)s; do echo $$ > $group/cgroup.procs; done
cp -a /etc %(folder)s/etc
mount --bind %(folder)s/etc /etc
%(opened)s
for place in /run /var/lib /opt /srv; do mount -t tmpfs none $place; done
mkdir -p /run/systemd/system /etc/systemd/system %(folder)s/config/systemd
rm -rf /etc/systemd/system/*
ln -s /etc/systemd/system %(folder)s/config/systemd/user
printf '[Unit]\\nDescription=Nothing\\n' > /etc/systemd/system/idle.target
exec %(systemd)s --user --unit=idle.target --log-target=console --log-level=notice
"""
_BOUND_SECONDS = 120


class Manager:
    """The manager that runs; `run` executes shell commands where it lives."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], environ: Dict[str, str]) -> None:
        self.folder, self.process, self.environ = folder, process, environ

    def run(self, script: str, *, status: int = 0, **environ: str) -> str:
        """What a shell script prints, which must end with that status."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.process.pid), "--mount", "--wd=/", "sh", "-euc", script],
            env={**self.environ, **environ}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=_BOUND_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == status, "%s\n%s\n%s" % (script, done.stdout, self.log())
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file that the manager sees under this path."""
        place = self.folder / "given"
        place.write_text(text, encoding="utf-8")
        self.run("mkdir -p %s; cp %s %s" % (Path(path).parent, place, path))

    def log(self) -> str:
        """What the manager and its units wrote."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def running() -> Iterator[Manager]:
    """A manager for as long as the block runs; the test is skipped, by name, where none can be had."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None] + ([] if SYSTEMD.exists() else [str(SYSTEMD)])
    if missing:
        if os.environ.get("MESHRUN_CI") == "1":
            pytest.fail("not installed: " + ", ".join(missing))
        pytest.skip("not installed: " + ", ".join(missing))
    if os.geteuid():
        pytest.skip("only root can run a manager of its own")
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/srv"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("no mount namespace can be had: " + tried.stderr.decode().strip())
    with tempfile.TemporaryDirectory(prefix="mr-") as name, contextlib.ExitStack() as exits:
        folder = Path(name)
        folder.chmod(0o755)
        groups = _groups(folder.name, exits)
        yield exits.enter_context(_started(folder, groups))


def _groups(name: str, exits: contextlib.ExitStack) -> List[Path]:
    """Control groups of the test's own in each hierarchy that systemd uses; none of others' processes is moved."""
    tops = [GROUPS / part for part in ("systemd", "unified") if (GROUPS / part).is_dir()] or [GROUPS]
    made = []
    for top in tops:
        group = top / name
        try:
            group.mkdir()
        except OSError as error:
            pytest.skip("no control group can be made: %s" % error)
        exits.callback(_removed, group)
        made.append(group)
    return made


def _removed(group: Path) -> None:
    """End what runs in a control group, and remove it."""

    def gone() -> bool:
        for procs in group.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                for pid in procs.read_text(encoding="ascii").split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
        for folder, _, _ in os.walk(str(group), topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        return not group.exists()

    until(gone)


@contextlib.contextmanager
def _started(folder: Path, groups: List[Path]) -> Iterator[Manager]:
    tools = folder / "bin"
    tools.mkdir()
    wrapper = tools / "systemctl"
    wrapper.write_text('#!/bin/sh\nexec %s --user "$@"\n' % shutil.which("systemctl"))
    wrapper.chmod(0o755)
    words = {"groups": " ".join(map(str, groups)), "folder": folder, "systemd": SYSTEMD, "opened": _opened(folder)}
    path = [
        str(tools),
        "/opt/meshrun/bin",
        str(Path(sys.base_prefix) / "bin"),
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ]
    environ = {"PATH": ":".join(path), "HOME": str(folder), "XDG_RUNTIME_DIR": "/run", "LANG": "C.UTF-8"}
    environ.update(XDG_CONFIG_HOME=str(folder / "config"), SYSTEMD_PAGER="")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", _SETUP % words], env=environ, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True,
        )  # fmt: skip
    manager = Manager(folder, process, environ)
    try:
        until(lambda: _answers(manager), manager.log)
        yield manager
    finally:
        process.kill()
        process.wait()


def _opened(folder: Path) -> str:
    """Commands that let every user come to the interpreter and to this checkout, where only root may: such as /root."""
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), Path(__file__).resolve().parents[2]}
    lines = []
    for closed in sorted({top for path in needed for top in path.parents if not top.stat().st_mode & 0o001}):
        inside = [path for path in sorted(needed) if closed in path.parents]
        for number, path in enumerate(inside):
            lines.append("mkdir %s/%d; mount --bind %s %s/%d" % (folder, number, path, folder, number))
        lines.append("mount -t tmpfs -o mode=755 none %s" % closed)
        for number, path in enumerate(inside):
            lines.append("mkdir -p %s; mount --bind %s/%d %s" % (path, folder, number, path))
    return "\n".join(lines)


def _answers(manager: Manager) -> bool:
    assert manager.process.poll() is None, manager.log()
    command = ["nsenter", "--target", str(manager.process.pid), "--mount", "systemctl", "is-active", "idle.target"]
    done = subprocess.run(command, env=manager.environ, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() == "active"
