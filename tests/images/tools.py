"""The programs that build and run images, with a storage of the tests' own under ``build/images``."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NoReturn, Optional, Sequence

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "images"
MAX_SECONDS = 600.0
"""The longest that one command may take; a base image is made from packages on a busy machine."""


def need(*programs: str) -> None:
    """Skip the test where a program, or root, is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        cannot("not installed: %s (.ci/image-tools.sh installs what these tests need)" % ", ".join(missing))
    if os.geteuid() != 0:
        cannot("these tests run containers as root's; rootless podman was not tried")


def cannot(why: str) -> NoReturn:
    """Skip the test; under ``MESHRUN_CI=1`` that is a failure."""
    if os.environ.get("MESHRUN_CI") == "1":
        pytest.fail(why)
    pytest.skip(why)


def run(*words: object, status: Optional[int] = 0, **environ: str) -> str:
    """Run a command with the settings of the storage; what it printed. `status`: the one it must have, None: any."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MESHRUN"))}
    done = subprocess.run(
        [*_prefix(), *(str(word) for word in words)], env={**clean, **settings(), **environ}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=MAX_SECONDS, check=False,
    )  # fmt: skip
    said = "%s\n%s%s" % (" ".join(str(word) for word in words), done.stdout, done.stderr)
    assert status is None or done.returncode == status, said
    return done.stdout if status == 0 else done.stdout + done.stderr


@functools.lru_cache(maxsize=None)
def _prefix() -> Sequence[str]:
    """What stands before every command: the way into a mount namespace that lives as long as this process.

    What podman mounts ends with it, so that ``build`` can be removed. And crun refuses to work where the control groups
    of both generations are mounted: there the second is taken away, for the tests alone.
    """
    unified = "/sys/fs/cgroup/unified"
    enter = "if mountpoint -q %s; then umount %s; fi && echo in && cat" % (unified, unified)
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", enter]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"in\n"
    _HELD.append(holder)
    return ("nsenter", "--target=%d" % holder.pid, "--mount", "--")


_HELD: List[subprocess.Popen[bytes]] = []
"""Ends with this process, when its standard input closes."""


def settings() -> Dict[str, str]:
    """The environment that leads ``buildah``, ``podman`` and ``podman-compose`` to the tests' own storage.

    Nothing is pulled from anywhere. Limits are lower than those of any process, as raising them may not be allowed, and
    control groups are left alone, as a container in which the tests run may have none of its own.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    limits = ["nofile=4096:4096", "nproc=4096:4096"]
    texts = {
        "storage.conf": _toml("storage", driver="overlay", graphroot=FOLDER / "storage", runroot=_short("run")),
        "containers.conf": _toml("containers", cgroups="disabled", default_ulimits=limits)
        + _toml("engine", cgroup_manager="cgroupfs", events_logger="file", runtime="crun", tmp_dir=_short("tmp"))
        + _toml("network", network_config_dir=FOLDER / "networks"),
        "registries.conf": "unqualified-search-registries = []\n",
        "policy.json": json.dumps({"default": [{"type": "insecureAcceptAnything"}]}),
    }
    for name, text in texts.items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return {
        "CONTAINERS_STORAGE_CONF": str(FOLDER / "storage.conf"),
        "CONTAINERS_CONF": str(FOLDER / "containers.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(FOLDER / "registries.conf"),
    }


def _short(name: str) -> str:
    """A folder of this checkout's own with a path that is short enough for sockets."""
    return "/tmp/meshrun-images-%s/%s" % (hashlib.sha256(str(FOLDER).encode()).hexdigest()[:8], name)


def _toml(section: str, **values: Any) -> str:
    rows = ["%s = %s" % (key, json.dumps(value if isinstance(value, list) else str(value)))
            for key, value in values.items()]  # fmt: skip
    return "[%s]\n%s\n" % (section, "\n".join(rows))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the lock of the storage's images: what several test processes need is made by one of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(tag: str, file: Path, context: Path, *words: str, **arguments: str) -> float:
    """Build an image; the seconds that it took. Packages come from the wheels that were fetched before."""
    began = time.monotonic()
    named = [word for name, value in arguments.items() for word in ("--build-arg", "%s=%s" % (name, value))]
    run("buildah", "bud", *BUILD, *named, *words, "-t", tag, "-f", file, context)
    return time.monotonic() - began


BUILD: Sequence[str] = (
    "--isolation", "chroot", "--network", "host", "--layers", "--pull-never",
    "--signature-policy", str(FOLDER / "policy.json"),
    "--volume", "%s:/wheels:ro" % (FOLDER / "wheels"), "--volume", "%s:/etc/pip.conf:ro" % (FOLDER / "pip.conf"),
)  # fmt: skip


class Container:
    """A container that runs in the background until `remove`."""

    def __init__(self, image: str, *command: str, options: Sequence[str] = (), **environ: str) -> None:
        named = [word for name, value in environ.items() for word in ("--env", "%s=%s" % (name, value))]
        self.id = run("podman", "run", "--detach", *options, *named, image, *command).strip()

    def exec(self, *words: str, status: Optional[int] = 0) -> str:
        """Run a command in it."""
        return run("podman", "exec", self.id, *words, status=status)

    def meshctl(self, *words: str, status: Optional[int] = 0) -> str:
        """Run an operator's command in it."""
        return self.exec("python3", "-m", "meshrun.cli", *words, status=status)

    def look(self, template: str) -> str:
        """What ``podman inspect`` says."""
        return run("podman", "inspect", "--format", template, self.id).strip()

    def address(self) -> str:
        """Its address on its network."""
        return self.look("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")

    def logs(self) -> str:
        """What it wrote so far, on both streams."""
        return run("podman", "logs", self.id, status=None)

    def signal(self, name: str = "TERM") -> None:
        """Send a signal to its PID 1."""
        run("podman", "kill", "--signal", name, self.id)

    def wait(self) -> int:
        """Wait for its end; the exit status of its PID 1."""
        return int(run("podman", "wait", self.id).strip())

    def remove(self) -> None:
        """End it, whatever its state."""
        run("podman", "rm", "--force", "--time", "0", self.id, status=None)


class Ground:
    """A network, a store, and what was started there; all of it ends with the test."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.name = "meshrun-test-%d-%s" % (os.getpid(), os.urandom(3).hex())
        self.containers: List[Container] = []
        run("podman", "network", "create", self.name)
        run("podman", "volume", "create", self.name)

    def start(self, *command: str, options: Sequence[str] = (), image: str = "", **environ: str) -> Container:
        """Start a program as compose does: as the image's user, on a read-only root with a tmpfs at /tmp."""
        usual = (
            "--network", self.name, "--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--volume", "%s:/var/lib/meshrun/store" % self.name,
        )  # fmt: skip
        options = options or ("--tmpfs", "/tmp:mode=1777,size=16m")
        made = Container(image or self.image, *command, options=(*usual, *options), **environ)
        self.containers.append(made)
        return made

    def close(self) -> None:
        """Leave nothing behind."""
        for container in self.containers:
            container.remove()
        run("podman", "volume", "rm", "--force", self.name, status=None)
        run("podman", "network", "rm", "--force", self.name, status=None)
