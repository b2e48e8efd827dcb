"""`make` prepares its environment by itself, and says how to mend what keeps it from that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from tests.compat.programs import Ran
from tests.compat.pythons import find

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that preparing needs."""
    for name in ("Makefile", "setup.cfg", ".ci/venv.py", "examples/demo/requirements.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(ROOT / name), str(tmp_path / name))
    return tmp_path


def run(clone: Path, command: List[str], **environ: str) -> Ran:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP", "MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        command, cwd=str(clone), env=dict(clean, **environ), capture_output=True, text=True, timeout=200, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_said_with_the_way_to_get_it(clone: Path, module: str) -> None:
    python = clone / "python-without"
    python.write_text(
        "#!%s\nimport runpy, sys\nsys.modules[%r] = None\n"
        "sys.argv.pop(0)\nrunpy.run_path(sys.argv[0], run_name='__main__')\n" % (sys.executable, module)
    )
    python.chmod(0o755)

    ran = run(clone, ["make", "PYTHON=%s" % python, "demo"])

    assert ran.code != 0
    assert "This Python cannot make virtual environments: its module %s is missing." % module in ran.out
    assert "apt install python%d.%d-venv" % sys.version_info[:2] in ran.out
    assert "make PYTHON=" in ran.out
    assert not (clone / ".venv").exists()


def test_a_python_that_is_not_there_is_said_with_the_way_to_name_another(clone: Path) -> None:
    ran = run(clone, ["make", "PYTHON=python9.9", "test"])

    assert ran.code != 0
    assert "There is no python9.9 here. Name a CPython 3.8 or newer: make PYTHON=/path/to/python3" in ran.out


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_a_python_that_is_too_old_is_said(clone: Path, version: str) -> None:
    python = find(version)
    if python is None:
        pytest.skip("no Python %s on this machine" % version)

    ran = run(clone, ["make", "PYTHON=%s" % python, "demo"])

    assert ran.code != 0
    assert "meshrun needs Python 3.8 or newer; " in ran.out
    assert "make PYTHON=python3.11" in ran.out


@pytest.mark.slow
def test_a_package_index_that_cannot_be_reached_is_said(clone: Path) -> None:
    settings = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "NO_PROXY": "127.0.0.1",
        "PIP_NO_CACHE_DIR": "1",
    }

    ran = run(clone, ["make", "PYTHON=%s" % sys.executable, "demo"], PIP_CONFIG_FILE="/dev/null", **settings)

    assert ran.code != 0
    assert "make needs a package index once" in ran.out
    assert not (clone / ".venv" / "ready-demo").exists()


def test_make_without_a_target_lists_the_targets(clone: Path) -> None:
    ran = run(clone, ["make"])

    assert ran.code == 0
    for target in ("demo", "test", "check", "bench"):
        assert "make %s\t" % target in ran.out
