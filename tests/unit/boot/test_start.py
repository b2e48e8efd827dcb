"""What a program finds in its process after the start, and what remains of a start that failed."""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path
from typing import Callable

import pytest

from tests.compat.programs import DOOR, ROOT, Program
from tests.compat.pythons import SUPPORTED, find

STATE = """
import os, sys
print(sorted(sys.modules))
print(len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd")))
print(sys.path, sys.flags, sys.argv)
"""
OURS = ("meshrun", "meshrun_hooks")


def _modules(shown: str) -> set[str]:
    found: set[str] = set(ast.literal_eval(shown))
    return found


@pytest.mark.parametrize("version", SUPPORTED)
def test_before_the_first_hooked_library_there_is_nothing_but_a_finder(program: Program, version: str) -> None:
    python = find(version)
    if python is None:
        pytest.skip("no Python %s on this machine" % version)
    bare = program.run(STATE, python=python)
    ran = program.run(STATE, [DOOR], python=python, MESHRUN_ENABLED="1")

    assert (ran.code, ran.err) == (0, "")
    before, after = bare.out.splitlines(), ran.out.splitlines()
    added = _modules(after[0]) - _modules(before[0])
    assert {name for name in added if name.partition(".")[0] not in OURS} <= {"__future__"}
    assert after[1:] == before[1:]  # threads, descriptors, path, flags
    assert not program.state.exists()


def test_switched_off_there_is_nothing_of_ours(program: Program) -> None:
    code = "import sys; print(sorted(sys.modules), sys.meta_path, sys.path_hooks, sys.path)"

    bare = program.bare(code)

    for value in ("0", "", "no"):
        ran = program.meshed(code, MESHRUN_ENABLED=value)
        assert ran.err == bare.err == ""
        assert ran.out.split(" at 0x")[0] == bare.out.split(" at 0x")[0]


def test_both_doors_and_the_launcher_twice_are_as_once(program: Program) -> None:
    launcher = [sys.executable, "-c", "from meshrun.boot.launcher import main; main()"]
    environ = dict(program.environ([DOOR, ROOT / "agent"]), MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all")
    code = "import os, sys; print(len(sys.meta_path), os.environ['PYTHONPATH'], sys.path)"

    once = program.start([sys.executable, "-c", code], environ)
    twice = program.start([*launcher, *launcher, sys.executable, "-c", code], environ)

    assert twice == once
    assert once.code == 0


@pytest.mark.parametrize(
    "failure",
    [
        "raise RuntimeError('broken')",
        "import not_there",
        "this does not parse",
        "raise SystemExit(9)",
        "raise KeyboardInterrupt",
        "class Odd(BaseException): pass\nraise Odd()",
        "def f(): f()\nf()",
        "def start(environ): raise MemoryError",
        "",
    ],
)
@pytest.mark.parametrize("module", ["meshrun/boot/start.py", "meshrun/__init__.py", "meshrun_hooks/__init__.py"])
def test_any_failure_of_ours_is_one_line_and_the_program_runs(program: Program, failure: str, module: str) -> None:
    files = {"meshrun/__init__.py": "", "meshrun/boot/__init__.py": "", "meshrun_hooks/__init__.py": ""}
    files["meshrun/boot/start.py"] = "from meshrun_hooks import TABLE\ndef start(environ): return True"
    files[module] = failure
    installed = program.plant(files, under="site")
    shutil.copytree(str(DOOR), str(installed / "meshrun" / "sitecustomize"))
    code = "import sys; print('app runs', [f for f in sys.meta_path if 'meshrun' in repr(f) or 'Own' in repr(f)])"

    ran = program.run(code, [installed / "meshrun" / "sitecustomize"], MESHRUN_ENABLED="1")

    assert ran.code == 0
    assert ran.out == "app runs []\n"
    assert ran.err.startswith("meshrun: not started, the program runs without it: ")
    assert ran.err.count("\n") == 1


def test_stderr_that_is_closed_does_not_matter(program: Program) -> None:
    copy = program.folder / "alone" / "sitecustomize"
    shutil.copytree(str(DOOR), str(copy))
    environ = dict(program.environ([copy]), MESHRUN_ENABLED="1")

    ran = program.start(["sh", "-c", 'exec "$0" -c "print(1)" 2>&-', sys.executable], environ)

    assert (ran.code, ran.out) == (0, "1\n")


def _installed(program: Program) -> Path:
    """meshrun as a wheel lays it out, in a folder that is not on the program's path."""
    site = program.folder / "elsewhere"
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(str(ROOT / "agent" / "meshrun"), str(site / "meshrun"), ignore=hidden)
    shutil.copytree(str(ROOT / "hooks" / "meshrun_hooks"), str(site / "meshrun_hooks"), ignore=hidden)
    shutil.copytree(str(DOOR), str(site / "meshrun" / "sitecustomize"), ignore=hidden)
    program.plant({"yaml/__init__.py": "from yaml import part", "yaml/part.py": "", "other.py": ""}, under="elsewhere")
    return site


def test_installed_in_another_place_it_is_found_without_a_change_to_the_path(program: Program) -> None:
    site = _installed(program)
    code = "import sys; import meshrun.core.model, meshrun_hooks; print(meshrun.__file__); print(sys.path)"

    ran = program.run(code, [site / "meshrun" / "sitecustomize"], MESHRUN_ENABLED="1")

    assert ran.err == ""
    assert ran.out.splitlines()[0] == str(site / "meshrun" / "__init__.py")
    assert str(site) not in ran.out.splitlines()[1]


def test_what_meshrun_needs_is_lent_to_meshrun_only(program: Program) -> None:
    site = _installed(program)
    (site / "meshrun" / "asks.py").write_text("import yaml\nprint('meshrun has', yaml.__file__)\n")
    code = """
    import sys
    for name in "yaml", "wrapt", "other":
        try:
            __import__(name)
        except ImportError as error:
            print(name, repr(error), error.name)
    """
    bare = program.start([sys.executable, "-S", "-c", code.replace("\n    ", "\n")], program.environ())
    ask = "import site; site.main(); import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]"
    both = ask + code.replace("\n    ", "\n") + "import meshrun.asks\n"
    environ = dict(program.environ([site / "meshrun" / "sitecustomize"]), MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all")

    ran = program.start([sys.executable, "-S", "-c", both], environ)

    assert bare.out.count("ModuleNotFoundError") == 3
    assert ran.out == bare.out + "meshrun has %s\n" % (site / "yaml" / "__init__.py")


def test_packages_purged_by_the_program_can_be_imported_again(program: Program) -> None:
    code = """
    import sys
    for name in [name for name in sys.modules if name.startswith("meshrun")]:
        del sys.modules[name]
    import meshrun.boot.start, meshrun_hooks
    print(meshrun.boot.start.__name__)
    """

    assert program.meshed(code).out == "meshrun.boot.start\n"


@pytest.mark.parametrize("mode", ["off", "dormant"])
def test_a_dormant_start_patches_nothing(toy: Callable[..., Program], mode: str) -> None:
    code = "import sys, toy; print(toy.answer(), 'planted.hook' in sys.modules)"
    code += "; from meshrun import _applied; print(_applied.states['planted.hook'])"

    # The third-party module is read for its triggers; its `patch` is not called.
    assert toy().hooked(code, MESHRUN_MODE=mode).out == "41 True\noff:mode %s\n" % mode


def test_the_kill_switch_makes_a_start_dormant(toy: Callable[..., Program]) -> None:
    program = toy()
    code = "import toy; print(toy.answer()); from meshrun import _applied; print(_applied.states['planted.hook'])"
    program.state.mkdir()
    assert program.hooked(code).out == "42\napplied\n"

    (program.state / "off").touch()

    assert program.hooked(code).out == "41\noff:kill switch %s/off\n" % program.state


def test_a_library_imported_by_another_sitecustomize_is_patched_and_noted(toy: Callable[..., Program]) -> None:
    program = toy()
    program.plant({"sitecustomize.py": "import toy\nfrom toy import answer\n"})
    code = "import sitecustomize, toy; print(toy.answer(), sitecustomize.answer());"
    code += "from meshrun import _applied; print(_applied.early, _applied.states['planted.hook'])"

    assert program.hooked(code).out == "42 41\n['toy'] applied\n"


def test_a_library_whose_import_is_under_way_at_the_start_is_left_alone(toy: Callable[..., Program]) -> None:
    library = """
import os, time
__version__ = "2.0"
while not os.environ.get("GO"):
    time.sleep(0.01)
def answer(): return 41
"""
    program = toy(library=library)
    program.plant({"sitecustomize.py": "import threading; threading.Thread(target=__import__, args=('toy',)).start()\n"
                   "import sys, time\nwhile 'toy' not in sys.modules: time.sleep(0.01)"})  # fmt: skip
    code = "import os; os.environ['GO'] = '1'; import toy; print(toy.answer());"
    code += "from meshrun import _applied; print(_applied.states['planted.hook'])"

    assert program.hooked(code).out == "41\noff:its import was under way when meshrun started\n"
