"""What a command line says about the doors that its Python leaves shut, and what the launcher makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshrun.boot import door, interpreter
from tests.compat.programs import Program
from tests.unit.boot.launching import launch


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("python app.py", ""),
        ("python -I app.py", "-I"),
        ("python3 -E app.py", "-E"),
        ("/usr/bin/python3.11 -S app.py", "-S"),
        ("python3.13t -I app.py", "-I"),
        ("python -Es app.py", "-E"),
        ("python -sP -B app.py", ""),
        ("python -IS app.py", "-S"),
        ("python -I -S app.py", "-S"),
        ("python -SI app.py", "-S"),
        ("python -Ic pass", "-I"),
        ("python -c pass -I", ""),
        ("python -cI -I", ""),
        ("python -m module -E", ""),
        ("python -mI", ""),
        ("python app.py -I", ""),
        ("python - -I", ""),
        ("python -- -I", ""),
        ("python -W error -I app.py", "-I"),
        ("python -Werror -I app.py", "-I"),
        ("python -W -I app.py", ""),
        ("python -X dev -I app.py", "-I"),
        ("python -XI app.py", ""),
        ("python --check-hash-based-pycs always -I", "-I"),
        ("python --version -E", "-E"),
        ("python", ""),
        ("pythonic -I", ""),
        ("ipython -I", ""),
        ("not-there -I", ""),
    ],
)
def test_the_options_of_the_interpreter_are_read_and_those_of_the_program_are_not(command: str, flag: str) -> None:
    assert interpreter.hiding_flag(command.split()) == flag


@pytest.mark.parametrize(
    ("first_line", "flag"),
    [
        ("#!/usr/bin/python3 -I", "-I"),
        ("#! /usr/bin/python3 -Es", "-E"),
        ("#!/usr/bin/env -S python3 -I -u", "-I"),
        ("#!/usr/bin/env python3", ""),
        ("#!/usr/bin/python3", ""),
        ("#!/bin/sh -S", ""),
        ("#!", ""),
        ("", ""),
        ("\x7fELF\xff\xfe", ""),
    ],
)
def test_the_first_line_of_a_script_is_read_where_exec_will_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_line: str, flag: str
) -> None:
    script = tmp_path / "tool"
    script.write_bytes(first_line.encode("latin-1") + b"\nprint()\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert interpreter.hiding_flag(["tool", "-I"]) == flag
    assert interpreter.hiding_flag([str(script), "-I"]) == flag


def test_a_launcher_that_hides_us_is_known_and_one_that_finds_us_is_not_said(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    packages = environment / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    (environment / "bin").mkdir()
    script = environment / "bin" / "opentelemetry-instrument"
    script.write_text("#!%s/bin/python\n" % environment)
    script.chmod(0o755)

    assert interpreter.hiding_launcher([str(script), "python", "app.py"]) == "opentelemetry-instrument"
    assert interpreter.hiding_launcher(["/not/there/opentelemetry-instrument"]) == "opentelemetry-instrument"
    assert interpreter.hiding_launcher(["elasticapm-run", "python"]) == "elasticapm-run"
    for other in ("python", "gunicorn", "ddtrace-run", "newrelic-admin", "not-there"):
        assert interpreter.hiding_launcher([other, "opentelemetry-instrument"]) == ""

    (packages / "meshrun-1.0.dist-info").mkdir()
    assert interpreter.hiding_launcher([str(script), "python", "app.py"]) == ""


def test_the_launcher_says_in_one_line_that_a_flag_hides_it_and_runs_the_program(program: Program) -> None:
    for flag in ("-I", "-E"):
        ran = launch(program, sys.executable, flag, "-c", "print('app')")
        said = "%s is run with %s, which hides PYTHONPATH: it runs without meshrun; " % (sys.executable, flag)
        assert ran == (0, "app\n", "meshrun: %s`meshctl venv enable` opens a door that does not need it\n" % said)
    ran = launch(program, sys.executable, "-S", "-c", "print('app')")
    assert ran[:2] == (0, "app\n")
    assert "is run with -S, which hides all start-up code: it runs without meshrun; leave the option out" in ran.err


def test_the_launcher_says_nothing_where_meshrun_is_off_or_another_door_is_open(program: Program) -> None:
    assert launch(program, sys.executable, "-I", "-c", "print(1)", MESHRUN_ENABLED="0") == (0, "1\n", "")
    environment = program.folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    code = "import sys; print('_meshrun_door' in sys.modules)"
    assert launch(program, python, "-I", "-c", code).err != ""

    door.enable(str(environment))

    assert launch(program, python, "-I", "-c", code) == (0, "True\n", "")
    tool = environment / "bin" / "tool"
    tool.write_text("#!%s -I\n%s\n" % (python, code))
    tool.chmod(0o755)
    assert launch(program, "tool", PATH="%s:%s" % (tool.parent, os.environ["PATH"])) == (0, "True\n", "")
    assert "-S" in launch(program, python, "-S", "-c", code).err
