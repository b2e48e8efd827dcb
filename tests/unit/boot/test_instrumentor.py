"""The object that `opentelemetry-instrument` finds by its entry point, called as it calls its instrumentors.

The real `opentelemetry-instrument` runs in ``tests/e2e/test_launch_doors.py``.
"""

from __future__ import annotations

import configparser
import importlib

import pytest

from tests.compat.programs import DOOR, ROOT, Program, Ran

CALL = """
import sys
from meshrun.boot.instrumentor import MeshrunInstrumentor
{before}
print(MeshrunInstrumentor().instrument(skip_dep_check=True), MeshrunInstrumentor().instrument())
print(list(MeshrunInstrumentor().instrumentation_dependencies()), MeshrunInstrumentor().uninstrument())
print([f.own.own['meshrun'] for f in sys.meta_path if 'ImportFinder' in repr(f)])
print(sum('OwnFinder' in repr(f) for f in sys.meta_path))
print(sorted(n for n in sys.modules if n.startswith(('_meshrun', 'opentelemetry', 'sitecustomize'))))
"""
ANSWERS = "None None\n[] None\n"


def call(program: Program, before: str = "", **settings: str) -> Ran:
    return program.run(CALL.format(before=before), [ROOT / "agent"], **settings)


def test_called_it_starts_meshrun_once_and_needs_nothing_of_opentelemetry(program: Program) -> None:
    ran = call(program, MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all")

    assert ran == (0, ANSWERS + "[%r]\n0\n[]\n" % str(ROOT / "agent"), "")


def test_the_switch_decides_here_too(program: Program) -> None:
    assert call(program) == (0, ANSWERS + "[]\n0\n[]\n", "")
    assert call(program, MESHRUN_ENABLED="0").out.splitlines()[2:4] == ["[]", "0"]


def test_behind_another_open_door_it_does_nothing(program: Program) -> None:
    code = CALL.format(before="")

    ran = program.run(code, [DOOR, ROOT / "agent"], MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[2:4] == ["[%r]" % str(ROOT / "agent"), "0"]


def test_it_runs_no_sitecustomize(program: Program) -> None:
    program.plant({"sitecustomize.py": "print('user')"})

    assert call(program, MESHRUN_ENABLED="1").out.count("user") == 1


@pytest.mark.parametrize("before", ["launcher.boot_folder = lambda: None", "launcher.boot_folder = lambda: '/none'"])
def test_a_failure_of_ours_is_one_line_and_raises_nothing(program: Program, before: str) -> None:
    """Where an instrumentor raises, OpenTelemetry leaves out all those that come after it."""
    ran = call(program, "from meshrun.boot import launcher; " + before, MESHRUN_ENABLED="1")

    assert (ran.code, ran.out) == (0, ANSWERS + "[]\n0\n[]\n")
    assert ran.err.startswith("meshrun: opentelemetry-instrument: FileNotFoundError: ")
    assert ran.err.count("\n") == 1


def test_the_entry_point_names_it() -> None:
    found = configparser.ConfigParser()
    found.read(str(ROOT / "setup.cfg"), encoding="utf-8")
    name, _, value = found["options.entry_points"]["opentelemetry_instrumentor"].strip().partition(" = ")

    module, _, attribute = value.partition(":")

    assert name == "meshrun"
    assert getattr(importlib.import_module(module), attribute).__name__ == "MeshrunInstrumentor"
