"""Bundles for tests, built by ``meshctl bundle`` as operators build them; the wheels are fetched once, into build."""

from __future__ import annotations

import atexit
import fcntl
import functools
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import pytest

from meshrun.cli import bundle_wheels
from meshrun.cli.bundle_pins import PINS
from meshrun.cli.errors import Failure

ROOT = Path(__file__).resolve().parents[2]
WHEELS = ROOT / "build" / "wheels"
MAX_SECONDS = 120.0
NOBODY = 65534
"""A user without any right, where the tests run as root."""


class Ran(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def clean(**settings: object) -> Dict[str, str]:
    """The environment without anything of this test run."""
    dropped = ("PYTHON", "MESHRUN", "COV", "XDG", "OTEL", "VIRTUAL_ENV", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    return dict(kept, **{name: str(value) for name, value in settings.items()})


def run(
    command: Sequence[object], environ: Optional[Mapping[str, str]] = None, cwd: Optional[Path] = None, uid: int = -1
) -> Ran:
    """Run a command to its end, as another user if `uid` names one."""

    def become() -> None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)

    done = subprocess.run(
        [str(word) for word in command], env=dict(clean() if environ is None else environ), stdin=subprocess.DEVNULL,
        cwd=str(cwd) if cwd else None, capture_output=True, text=True, timeout=MAX_SECONDS, check=False,
        preexec_fn=become if uid >= 0 else None,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def wheels() -> Path:
    """The folder of the pinned wheels; without a package index the test is skipped, or fails under MESHRUN_CI=1."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    with (WHEELS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((WHEELS / pin.wheel).exists() for pin in PINS):
            try:
                bundle_wheels.downloaded(str(WHEELS), clean())
            except Failure as failure:
                if os.environ.get("MESHRUN_CI") == "1":
                    raise
                pytest.skip("no wheels for a bundle: %s" % failure)
    return WHEELS


@functools.lru_cache(maxsize=None)
def source() -> Path:
    """A copy of the checkout as a clone would hold it, which any user may read: one state for all builds of a run."""
    folder = Path(tempfile.mkdtemp(prefix="meshrun-source-"))
    atexit.register(shutil.rmtree, str(folder), ignore_errors=True)
    folder.chmod(0o755)
    for name in ("agent", "hooks", "sitecustomize"):
        leave = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(str(ROOT / name), str(folder / name), ignore=leave)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(str(ROOT / name), str(folder / name))
    return folder


def meshctl(*words: object, **settings: object) -> Ran:
    """``meshctl bundle`` of the checkout, with the wheels from the folder unless the words say otherwise."""
    environ = clean(PYTHONPATH=source() / "agent", **settings)
    return run([sys.executable, "-m", "meshrun.cli", "bundle", *words], environ)


def built(folder: Path, *words: object) -> Any:
    """Build a bundle into a folder; what ``-o json`` says of it."""
    ran = meshctl(folder, "--wheels", wheels(), "-o", "json", *words)
    assert (ran.status, ran.err) == (0, ""), ran
    return ran.json


def remove(folder: Path) -> None:
    """Remove a bundle, whose folders nobody may write."""
    for path, _, _ in os.walk(str(folder)):
        Path(path).chmod(0o700)
    shutil.rmtree(str(folder))


def listing(folder: Path) -> List[Any]:
    """Everything in a folder: path, mode, time, content."""
    found: List[Any] = []
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found.append((str(path.relative_to(folder)), stat.filemode(seen.st_mode), seen.st_mtime, content))
    return found


def entered(bundle: Path, **settings: object) -> Dict[str, str]:
    """The environment of a program that meets the bundle."""
    return clean(PYTHONPATH=bundle / "boot", MESHRUN_ENABLED=1, **settings)
