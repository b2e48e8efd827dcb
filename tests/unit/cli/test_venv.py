from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """What `python -m venv` makes, as far as a door needs it."""
    made = tmp_path / "env"
    packages = made / "lib" / ("python%d.%d" % sys.version_info[:2]) / "site-packages"
    packages.mkdir(parents=True)
    (made / "pyvenv.cfg").write_text("home = %s\n" % Path(sys.executable).parent)
    return made


def test_enable_show_and_disable(meshctl: Meshctl, environment: Path) -> None:
    before = sorted(environment.rglob("*"))
    assert meshctl("venv", "show", str(environment)).out == "%s: closed\n" % environment
    run = meshctl("venv", "enable", str(environment))
    assert run.status == 0
    assert run.out.splitlines()[0] == "%s: the door is open" % environment
    assert "Undo: meshctl venv disable %s" % environment in " ".join(run.out.split())
    assert "open, starts" in meshctl("venv", "show", str(environment)).out
    assert "the door is open already" in meshctl("venv", "enable", str(environment)).out
    shape = meshctl("venv", "disable", str(environment), "-o", "json").json
    assert len(shape["removed"]) == 3
    assert sorted(environment.rglob("*")) == before
    assert "closed already" in meshctl("venv", "disable", str(environment)).out


def test_half_a_door_is_a_finding(meshctl: Meshctl, environment: Path) -> None:
    written = meshctl("venv", "enable", str(environment), "-o", "json").json["written"]
    Path(written[0]).unlink()
    run = meshctl("venv", "show", str(environment))
    assert (run.status, "does not work" in run.out, "Mend it with" in run.out) == (1, True, True)


def test_the_active_environment_is_meant_and_never_that_of_meshctl(meshctl: Meshctl, environment: Path) -> None:
    run = meshctl("venv", "enable")
    assert (run.status, "no virtual environment is named and none is active" in run.err) == (2, True)
    meshctl.environ["VIRTUAL_ENV"] = str(environment)
    assert meshctl("venv", "enable", "-o", "json").json["path"] == str(environment)


def test_a_folder_that_is_no_environment_is_refused(meshctl: Meshctl) -> None:
    for word in ("enable", "disable", "show"):
        run = meshctl("venv", word, str(meshctl.folder))
        assert (run.status, run.err.startswith("meshctl: MR2008"), "pyvenv.cfg" in run.err) == (2, True, True)
