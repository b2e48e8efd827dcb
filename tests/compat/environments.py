"""Environments with packages that the development environment has no room for, made on first need under ``build/envs``.

``python -m tests.compat.environments NAME PYTHON REQUIREMENT…`` makes one and prints the path of its interpreter.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator, Sequence

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "envs"
READY = "ready"
MAX_SECONDS = 900.0
"""How long an installation may take; indexes and machines are slow at times."""
PAUSES_SECONDS = (5.0, 20.0)
"""How long to wait before an index is asked again."""


class Unavailable(Exception):
    """An environment that cannot be made here, and why: no package index, no wheel for this Python."""


def environment(name: str, python: str, requirements: Sequence[str]) -> str:
    """The interpreter of a virtual environment with `requirements`, and with meshrun's checkout on its path.

    `python` is the path of the interpreter that it is made from. It is made once for a list of requirements (in any
    order) and an interpreter, as ``build/envs/NAME-HASH``, by one process while others wait. Raises `Unavailable`.
    """
    folder = FOLDER / ("%s-%s" % (name, _hash(python, requirements)))
    made = folder / "bin" / "python"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _alone(FOLDER / (folder.name + ".lock")):
        if not (folder / READY).exists():
            shutil.rmtree(str(folder), ignore_errors=True)
            _run([python, "-m", "venv", str(folder)])
            if requirements:
                from_index([str(made), "-m", "pip", "install", *requirements])
            runpy.run_path(str(ROOT / ".ci" / "venv.py"))["add_checkout"](str(made))
            (folder / READY).write_text("\n".join(sorted(requirements)) + "\n", encoding="utf-8")
        _declare(folder)
    return str(made)


def needed(name: str, python: str, requirements: Sequence[str]) -> str:
    """As `environment`, for a test: where it cannot be made the test is skipped, and fails under ``MESHRUN_CI=1``."""
    try:
        return environment(name, python, requirements)
    except Unavailable as error:
        if os.environ.get("MESHRUN_CI") == "1":
            raise
        pytest.skip("no environment %s: %s" % (name, error))


def _hash(python: str, requirements: Sequence[str]) -> str:
    """Of what an environment is made from; the same path is another interpreter after an upgrade."""
    real = Path(python).resolve()
    stamp = "%s %d" % (real, real.stat().st_mtime)
    return hashlib.sha256("\n".join([stamp, *sorted(requirements)]).encode()).hexdigest()[:12]


def _declare(folder: Path) -> None:
    """Let the environment know meshrun as a distribution with its entry points, as after an installation."""
    [packages] = folder.glob("lib/python*/site-packages")
    known = packages / "meshrun-0.dist-info"
    known.mkdir(exist_ok=True)
    settings = configparser.ConfigParser()
    settings.read(str(ROOT / "setup.cfg"), encoding="utf-8")
    groups = ["[%s]%s\n" % item for item in settings["options.entry_points"].items()]
    (known / "entry_points.txt").write_text("".join(groups), encoding="utf-8")
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: meshrun\nVersion: 0\n", encoding="utf-8")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file; the lock ends with the process at the latest."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def from_index(command: Sequence[str]) -> None:
    """Run a command of pip that asks the package index. Raises `Unavailable`.

    Where a missing environment is a failure, an index that does not answer for a moment is asked again.
    """
    whole = [*command, "--quiet", "--disable-pip-version-check"]
    for pause in PAUSES_SECONDS if os.environ.get("MESHRUN_CI") == "1" else ():
        with contextlib.suppress(Unavailable):
            return _run(whole)
        time.sleep(pause)
    return _run(whole)


def _run(command: Sequence[str]) -> None:
    dropped = ("PYTHON", "MESHRUN", "COV")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    try:
        done = subprocess.run(
            list(command), env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MAX_SECONDS,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode:
        raise Unavailable("%s: %s" % (" ".join(command), (done.stderr or done.stdout).strip()[-2000:]))


if __name__ == "__main__":
    sys.stdout.write(environment(sys.argv[1], sys.argv[2], sys.argv[3:]) + "\n")
