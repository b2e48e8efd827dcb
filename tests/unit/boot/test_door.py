"""The door of a virtual environment: what it writes and takes away, and what the environment's Pythons do then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from meshrun.boot import door, launcher
from tests.compat.programs import DOOR, Program, Ran
from tests.compat.pythons import INERT, find

NAMES = ["_meshrun_door.py", "meshrun.pth", "meshrun.start"]
SHOW = """
import sys
print(sum('ImportFinder' in repr(finder) for finder in sys.meta_path), 'sitecustomize' in sys.modules)
print(sorted(name for name in sys.modules if name.startswith('_meshrun')))
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment of this Python, with nothing in it."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


def packages(environment: Path) -> Path:
    """Its ``site-packages``."""
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def run(program: Program, environment: Path, *flags: str, code: str = SHOW, **settings: str) -> Ran:
    """Run its Python without any other door."""
    clean = program.environ(**settings)
    del clean["PYTHONPATH"]
    return program.start([str(environment / "bin" / "python"), *flags, "-c", code], clean)


def test_opened_each_python_of_the_environment_meets_meshrun_and_closed_none(
    program: Program, environment: Path
) -> None:
    bare = run(program, environment, MESHRUN_ENABLED="1")
    assert bare == (0, "0 False\n[]\n", "")

    door.enable(str(environment))
    assert run(program, environment, MESHRUN_ENABLED="1") == (0, "1 False\n['_meshrun_door']\n", "")
    for flags in (["-I"], ["-E"], ["-s"], ["-I", "-W", "error"]):
        assert run(program, environment, *flags, MESHRUN_ENABLED="1").out.startswith("1 "), flags
    assert run(program, environment, "-S", MESHRUN_ENABLED="1") == bare

    door.disable(str(environment))
    assert run(program, environment, MESHRUN_ENABLED="1") == bare


def test_the_switch_still_decides(program: Program, environment: Path) -> None:
    door.enable(str(environment))

    for value in ("", "0", "no"):
        assert run(program, environment, MESHRUN_ENABLED=value) == (0, "0 False\n['_meshrun_door']\n", "")
    assert run(program, environment).out.startswith("0 ")


def test_opening_and_closing_say_what_they_did_and_do_it_once(environment: Path) -> None:
    before = sorted(packages(environment).iterdir())

    written = door.enable(str(environment))

    assert sorted(written) == [str(packages(environment) / name) for name in NAMES]
    assert door.enable(str(environment)) == []
    assert sorted(path.name for path in packages(environment).iterdir() if path not in before) == NAMES
    assert sorted(door.disable(str(environment))) == sorted(written)
    assert door.disable(str(environment)) == []
    assert sorted(packages(environment).iterdir()) == before


def test_what_lies_there_is_one_static_line_and_a_module_that_anyone_may_read(environment: Path) -> None:
    old = os.umask(0o077)
    try:
        door.enable(str(environment))
    finally:
        os.umask(old)

    folder = packages(environment)
    assert (folder / "meshrun.pth").read_text() == "import _meshrun_door; _meshrun_door.boot()\n"
    assert (folder / "meshrun.start").read_text() == "_meshrun_door:boot\n"
    assert "FILE = %r\n" % str(DOOR / "sitecustomize.py") in (folder / "_meshrun_door.py").read_text()
    assert {oct((folder / name).stat().st_mode & 0o777) for name in NAMES} == {"0o644"}


def test_what_an_interpreter_compiled_of_it_goes_with_it(program: Program, environment: Path) -> None:
    door.enable(str(environment))
    compiled = packages(environment) / "__pycache__"
    compiled.mkdir(exist_ok=True)
    (compiled / "other.cpython-399.pyc").touch()
    (compiled / "_meshrun_door.cpython-399.pyc").touch()

    door.disable(str(environment))

    assert [path.name for path in compiled.iterdir()] == ["other.cpython-399.pyc"]


def test_a_file_that_somebody_else_wrote_is_left_alone(environment: Path) -> None:
    theirs = packages(environment) / "meshrun.pth"
    theirs.write_text("import theirs\n")

    with pytest.raises(door.DoorError, match=r"meshrun\.pth was not written by meshctl: remove it"):
        door.enable(str(environment))

    assert door.disable(str(environment)) == []
    assert theirs.read_text() == "import theirs\n"
    assert [name for name in NAMES if (packages(environment) / name).exists()] == ["meshrun.pth"]


def test_the_state_says_whether_it_is_open_and_what_is_wrong(environment: Path) -> None:
    def seen() -> List[object]:
        now = door.state(str(environment))
        return [now.enabled, sorted(Path(path).name for path in now.files), now.target, now.reason]

    target = str(DOOR / "sitecustomize.py")
    assert seen() == [False, [], "", ""]
    assert not door.is_open(str(environment))

    door.enable(str(environment))
    assert seen() == [True, NAMES, target, ""]
    assert door.is_open(str(environment))

    line = packages(environment) / "meshrun.pth"
    line.unlink()
    assert seen() == [False, [NAMES[0], NAMES[2]], target, "%s is missing" % line]

    door.enable(str(environment))
    module = packages(environment) / NAMES[0]
    module.write_text(module.read_text().replace(target, "/gone/sitecustomize.py"))
    gone = "the installation that it starts is gone: there is no /gone/sitecustomize.py"
    assert seen() == [False, NAMES, "/gone/sitecustomize.py", gone]

    assert door.enable(str(environment)) == [str(module)]
    assert seen()[0] is True


def test_a_folder_that_is_no_environment_is_said(tmp_path: Path) -> None:
    with pytest.raises(door.DoorError, match=r"is not a virtual environment: it has no pyvenv\.cfg"):
        door.enable(str(tmp_path))
    assert not door.is_open(str(tmp_path))
    (tmp_path / "pyvenv.cfg").touch()
    with pytest.raises(door.DoorError, match=r"it has no lib/python\*/site-packages; meshrun needs CPython 3.8"):
        door.enable(str(tmp_path))
    (tmp_path / "lib" / "python3.7" / "site-packages").mkdir(parents=True)
    with pytest.raises(door.DoorError, match=r"its Python is python3\.7; meshrun needs CPython 3\.8"):
        door.enable(str(tmp_path))


def test_every_supported_python_of_the_folder_is_served(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").touch()
    for name in ("python3.7", "python3.9", "python3.13t", "pypy3.10"):
        (tmp_path / "lib" / name / "site-packages").mkdir(parents=True)

    door.enable(str(tmp_path))

    found = sorted(path.parent.parent.name for path in tmp_path.glob("lib/*/site-packages/meshrun.pth"))
    assert found == ["python3.13t", "python3.9"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "pyvenv.cfg").touch()
    place = tmp_path / "lib" / "python3.9" / "site-packages"
    place.mkdir(parents=True)
    door.enable(str(tmp_path))
    (place / "meshrun.pth").unlink()

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(door.DoorError, match=r"meshrun\.pth cannot be written: Permission denied"):
            door.enable(str(tmp_path))
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(door.DoorError, match=r"meshrun\.start cannot be removed: Permission denied"):
            door.disable(str(tmp_path))
    door.disable(str(tmp_path))
    assert list(place.iterdir()) == []


def test_an_installation_without_its_boot_folder_opens_no_door(
    environment: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launcher, "__file__", str(tmp_path / "meshrun" / "boot" / "launcher.py"))

    with pytest.raises(door.DoorError, match="the boot folder of this installation is missing"):
        door.enable(str(environment))


def test_after_meshrun_has_been_removed_a_program_runs_and_only_those_who_asked_for_meshrun_are_told(
    program: Program, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = program.plant({"sitecustomize/sitecustomize.py": "", "boot/launcher.py": ""}, under="meshrun")
    monkeypatch.setattr(launcher, "__file__", str(installed / "boot" / "launcher.py"))
    door.enable(str(environment))
    (installed / "sitecustomize" / "sitecustomize.py").unlink()

    assert run(program, environment, code="print('app')") == (0, "app\n", "")
    asked = run(program, environment, code="print('app')", MESHRUN_ENABLED="1")

    assert asked[:2] == (0, "app\n")
    assert asked.err.startswith("meshrun: not started, the program runs without it: FileNotFoundError: ")
    assert asked.err.count("\n") == 1


@pytest.mark.parametrize("failure", ["raise SystemExit(4)", "raise KeyboardInterrupt", "1/0", "this does not parse"])
def test_a_boot_file_that_fails_is_one_line(
    program: Program, environment: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    files = {"sitecustomize/sitecustomize.py": failure, "boot/launcher.py": ""}
    installed = program.plant(files, under="meshrun")
    monkeypatch.setattr(launcher, "__file__", str(installed / "boot" / "launcher.py"))
    door.enable(str(environment))

    ran = run(program, environment, code="print('app')", MESHRUN_ENABLED="1")

    assert ran[:2] == (0, "app\n")
    assert ran.err.startswith("meshrun: not started, the program runs without it: ")
    assert ran.err.count("\n") == 1


def test_the_sitecustomize_of_the_environment_runs_once_behind_it(program: Program, environment: Path) -> None:
    code = SHOW + "print(sys.modules['sitecustomize'].__file__)"
    theirs = packages(environment) / "sitecustomize.py"
    theirs.write_text("print('theirs')\n")
    bare = run(program, environment, code=code)

    door.enable(str(environment))

    ours = run(program, environment, code=code, MESHRUN_ENABLED="1")
    assert bare.out.splitlines()[0] == ours.out.splitlines()[0] == "theirs"
    assert bare.out.splitlines()[-1] == ours.out.splitlines()[-1] == str(theirs)
    assert ours.out.splitlines()[1] == "1 True"


def test_a_failing_sitecustomize_behind_it_fails_as_bare(program: Program, environment: Path) -> None:
    (packages(environment) / "sitecustomize.py").write_text("raise RuntimeError('theirs')\n")
    bare = run(program, environment, code="print('app')")

    door.enable(str(environment))

    assert run(program, environment, code="print('app')", MESHRUN_ENABLED="1") == bare


@pytest.mark.parametrize("version", INERT)
def test_an_old_python_that_meets_the_line_does_nothing_and_says_nothing(program: Program, version: str) -> None:
    """As where one folder of packages is read by several Pythons."""
    python = find(version)
    if python is None:
        pytest.skip("no Python %s on this machine" % version)
    place = program.plant({"pyvenv.cfg": "", "lib/python3.9/site-packages/x.py": ""}, under="shared")
    door.enable(str(place))
    read = "import site, sys; site.addsitedir(%r); print([n for n in sorted(sys.modules) if 'mesh' in n])"

    ran = program.run(read % str(place / "lib/python3.9/site-packages"), python=python, MESHRUN_ENABLED="1")

    assert ran == (0, "['_meshrun_door']\n", "")
