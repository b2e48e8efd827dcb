"""What `pip install meshrun` takes, as wheels in a folder: meshrun of this checkout, and what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("agent", "hooks", "sitecustomize", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
_BOUND_SECONDS = 600


def wheels(folder: Path) -> Path:
    """Make the folder of wheels below `folder`."""
    copy, found = folder / "copy", folder / "wheels"
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(
                str(ROOT / name), str(copy / name), ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy(str(ROOT / name), str(copy))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(found), str(copy)], ours=True)
    _run([*pip, "download", "--only-binary=:all:", "--dest", str(found), "wrapt", "pyyaml"], ours=False)
    found.chmod(0o755)
    return found


def _run(command: List[str], *, ours: bool) -> None:
    """`ours`: a failure is ours; otherwise the machine has no package index, and the test is skipped by name."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MESHRUN"))}
    ran = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_BOUND_SECONDS,
        check=False,
    )  # fmt: skip
    if ran.returncode and not ours and os.environ.get("MESHRUN_CI") != "1":
        pytest.skip("no package index: " + ran.stderr.strip()[-200:])
    assert ran.returncode == 0, ran.stdout + ran.stderr
