"""The boot file runs the next ``sitecustomize`` on the path on every path of its own, as if it were not there."""

from __future__ import annotations

import shutil
import sys
from typing import Dict, List, Optional

import pytest

from tests.compat.programs import DOOR, Program
from tests.compat.pythons import INERT, find

WAYS: Dict[str, Dict[str, str]] = {
    "disabled": {},
    "refused": {"MESHRUN_ENABLED": "0"},
    "enabled": {"MESHRUN_ENABLED": "1"},
    "dormant": {"MESHRUN_ENABLED": "1", "MESHRUN_MODE": "dormant"},
}
SHOW = """
import sys
print(getattr(sys.modules.get("sitecustomize"), "__file__", None), sys.path)
try:
    import sitecustomize
    print(sitecustomize.__name__, sitecustomize.__spec__.name, sitecustomize.__spec__.origin)
except ImportError as error:
    print(type(error), error)
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "next_one",
    [
        None,
        "print('next ran', __name__, __file__)",
        "raise RuntimeError('it broke')",
        "import not_there",
        "from os import not_there",
        "raise ImportError('none', name='sitecustomize')",
        "this does not parse",
        "import os; print('gone', flush=True); os._exit(7)",
        "import sys; del sys.modules['sitecustomize']",
        "import sys; sys.path.insert(0, '/first'); sys.path.append('/last')",
    ],
)
def test_the_program_sees_what_it_sees_bare(program: Program, way: str, next_one: Optional[str]) -> None:
    program.plant({} if next_one is None else {"sitecustomize.py": next_one})

    assert program.run(SHOW, [DOOR], **WAYS[way]) == program.bare(SHOW)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "ending", ["sys.exit(3)", "sys.exit('a message')", "raise KeyboardInterrupt", "raise SystemExit"]
)
def test_a_next_one_that_ends_the_interpreter_ends_it_as_bare(program: Program, way: str, ending: str) -> None:
    program.plant({"sitecustomize.py": "import sys; print('going'); " + ending})

    bare, meshed = program.bare("print('app')"), program.run("print('app')", [DOOR], **WAYS[way])

    # The interpreter shows a traceback then, with our frames in it; how it ends is the same.
    assert (meshed.code, meshed.out) == (bare.code, bare.out)
    assert meshed.err.splitlines()[-1] == bare.err.splitlines()[-1]
    assert bare.code != 0
    assert bare.out == "going\n"


def test_meshrun_starts_although_the_next_one_raises(program: Program) -> None:
    program.plant({"sitecustomize.py": "raise RuntimeError('it broke')"})

    ran = program.meshed("import sys; print('meshrun.boot.finder' in sys.modules)")

    assert ran.out == "True\n"
    assert "RuntimeError: it broke" in ran.err


def test_a_folder_named_sitecustomize_counts_as_it_does_bare(program: Program) -> None:
    (program.plant({"x.py": ""}) / "sitecustomize").mkdir()
    code = "import sys; print(sys.modules['sitecustomize'].__spec__.submodule_search_locations)"

    assert program.meshed(code) == program.bare(code)


SEARCHING_AGENT = """
    import os, sys
    print("agent")
    mine = os.path.dirname(os.path.abspath(__file__))
    own = sys.modules.pop("sitecustomize")
    kept = list(sys.path)
    sys.path[:] = [entry for entry in kept if entry != mine]
    try:
        import sitecustomize
    except ImportError:
        print("agent found none")
    finally:
        sys.path[:] = kept
        sys.modules["sitecustomize"] = own
"""
EXECUTING_AGENT = """
    import os, sys
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    print("agent")
    mine = os.path.dirname(os.path.abspath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if entry != mine])
    if spec is None:
        print("agent found none")
    else:
        spec.loader.exec_module(module_from_spec(spec))
"""


@pytest.mark.parametrize("agent", [SEARCHING_AGENT, EXECUTING_AGENT], ids=["searching", "executing"])
@pytest.mark.parametrize("user", ["print('user')", None], ids=["user", "no-user"])
@pytest.mark.parametrize("order", ["agent-first", "agent-last"])
def test_another_agent_and_the_user_run_once_each_in_either_order(
    program: Program, agent: str, user: Optional[str], order: str
) -> None:
    other = program.plant({"sitecustomize.py": agent}, under="agent")
    program.plant({"sitecustomize.py": user} if user else {})
    path = [other, DOOR] if order == "agent-first" else [DOOR, other]
    module = "print(sys.modules['sitecustomize'].__file__)"
    code = "import sys; print(sum('ImportFinder' in repr(f) for f in sys.meta_path)); " + module

    ran = program.run(code, path, MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all")
    bare = program.run("import sys; " + module, [other])

    assert ran.err == ""
    *shown, file = bare.out.splitlines()
    if order == "agent-first" and user is None:
        shown.remove("agent found none")  # it finds meshrun's, which finds none
    assert ran.out.splitlines() == [*shown, "1", file]


def test_a_copy_of_the_boot_folder_further_back_is_chained_and_starts_nothing_twice(program: Program) -> None:
    copy = program.folder / "again"
    copy.symlink_to(DOOR)
    program.plant({"sitecustomize.py": "print('user')"})
    code = "import sys; print(sum('ImportFinder' in repr(f) for f in sys.meta_path), len(sys.path))"

    twice = program.run(code, [DOOR, copy, DOOR], MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all")
    once = program.run(code, [DOOR], MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all")

    assert twice == once


PUTS_ITSELF_IN_FRONT = """
    import os
    mine = os.path.dirname(os.path.abspath(__file__))
    entries = os.environ["PYTHONPATH"].split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([mine] + [entry for entry in entries if entry != mine]%s)
"""


def test_an_agent_that_puts_its_folder_in_front_again_does_not_hide_us_from_children(program: Program) -> None:
    """As OpenTelemetry does, whose file runs no other; without us, or where it changes more, its order holds."""
    other = program.plant({"sitecustomize.py": PUTS_ITSELF_IN_FRONT % ""}, under="agent")
    code = "import os; print(os.environ['PYTHONPATH'])"
    lib = program.folder / "lib"

    kept = program.run(code, [DOOR, other], MESHRUN_ENABLED="1")
    off = program.run(code, [DOOR, other])
    program.plant({"sitecustomize.py": PUTS_ITSELF_IN_FRONT % " + ['/more']"}, under="agent")
    more = program.run(code, [DOOR, other], MESHRUN_ENABLED="1")

    assert kept == (0, "%s:%s:%s\n" % (DOOR, other, lib), "")
    assert off == (0, "%s:%s:%s\n" % (other, DOOR, lib), "")
    assert more == (0, "%s:%s:%s:/more\n" % (other, DOOR, lib), "")


@pytest.mark.parametrize("version", INERT)
def test_an_old_python_chains_does_nothing_and_says_nothing(program: Program, version: str) -> None:
    python = find(version)
    if python is None:
        pytest.skip("no Python %s on this machine" % version)
    program.plant({"sitecustomize.py": "import sys; sys.stdout.write('user\\n')"}, under="user")
    code = (
        "import sys; print([n for n in sys.modules if 'mesh' in n]);"
        "print('sitecustomize' in sys.modules and sys.modules['sitecustomize'].__file__.split('.')[0]); print(sys.path)"
    )
    paths: List[List[object]] = [[], [program.folder / "user"]]
    for path in paths:
        bare = program.run(code, path, python=python)
        assert program.run(code, [DOOR, *path], python=python, MESHRUN_ENABLED="1") == bare
    assert bare.out.startswith("user\n[]\n")


def test_the_boot_folder_may_be_read_only(program: Program) -> None:
    copy = program.folder / "delivered"
    shutil.copytree(str(DOOR), str(copy), ignore=shutil.ignore_patterns("__pycache__"))
    copy.chmod(0o555)
    program.plant({"sitecustomize.py": "print('user')"})

    ran = program.run("print('app')", [copy], MESHRUN_ENABLED="1")

    assert (ran.code, ran.out) == (0, "user\napp\n")
    assert sorted(entry.name for entry in copy.iterdir()) == ["sitecustomize.py"]


def test_flags_that_hide_the_environment_hide_meshrun(program: Program) -> None:
    ran = program.start([sys.executable, "-I", "-c", "import sys; print('meshrun' in sys.modules)"])

    assert ran.out == "False\n"
