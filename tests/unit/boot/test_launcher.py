"""The launcher becomes the command, with the environment door open, and changes nothing else."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from meshrun import __version__
from meshrun.boot import launcher
from tests.compat.programs import DOOR, Program
from tests.unit.boot.launching import MESHRUN, launch

SHOW = "import json, os, sys; print(json.dumps([os.getpid(), dict(os.environ), sys.argv, sys.path]))"


def shown(program: Program, *options: str, **environ: str) -> Any:
    ran = launch(program, *options, sys.executable, "-c", SHOW, "-x", "--service", "y", **environ)
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


def test_options_become_the_environment_of_the_command(program: Program) -> None:
    config = program.folder / "meshrun.yaml"
    config.touch()
    options = ["--service", "orders", "--lane=gray", "--namespace", "shop", "--tags", "version=v2,zone=a"]

    _, environ, argv, _ = shown(program, *options, "--config", "meshrun.yaml", "--mode", "carry", "--port", "8000")

    assert {name: value for name, value in environ.items() if name.startswith("MESHRUN_")} == {
        "MESHRUN_CONFIG": str(config),
        "MESHRUN_ENABLED": "1",
        "MESHRUN_LANE": "gray",
        "MESHRUN_MODE": "carry",
        "MESHRUN_NAMESPACE": "shop",
        "MESHRUN_PORT": "8000",
        "MESHRUN_SERVICE": "orders",
        "MESHRUN_STATE_DIR": str(program.state),
        "MESHRUN_TAGS": "version=v2,zone=a",
    }
    assert argv == ["-c", "-x", "--service", "y"]


def test_an_option_wins_over_the_environment_and_a_users_off_holds(program: Program) -> None:
    _, environ, _, _ = shown(program, "--service", "b", MESHRUN_SERVICE="a", MESHRUN_LANE="c", MESHRUN_ENABLED="0")

    assert (environ["MESHRUN_SERVICE"], environ["MESHRUN_LANE"], environ["MESHRUN_ENABLED"]) == ("b", "c", "0")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "{door}"),
        ("", "{door}"),
        ("/a:/b", "{door}:/a:/b"),
        (":/a::/b:", "{door}::/a::/b:"),
        (":", "{door}::"),
        ("{door}", "{door}"),
        ("{door}:", "{door}:"),
        ("/a:{door}:/b", "{door}:/a:/b"),
        ("{door}/:/a:{door}/../sitecustomize", "{door}:/a"),
        ("{door}x:/x{door}", "{door}:{door}x:/x{door}"),
    ],
)
def test_the_boot_folder_comes_first_once_and_the_users_entries_keep_their_order(before: str, after: str) -> None:
    environ: Dict[str, str] = {} if before is None else {"PYTHONPATH": before.format(door=DOOR)}

    launcher.prepare(environ, {})
    once = dict(environ)
    launcher.prepare(environ, {})

    assert environ["PYTHONPATH"] == after.format(door=DOOR)
    assert environ == once


def test_the_search_path_of_the_program_is_the_one_that_it_has_bare(program: Program) -> None:
    for value in ("/a::/b:", "", ":"):
        bare = json.loads(program.start([sys.executable, "-c", SHOW], dict(program.environ(), PYTHONPATH=value)).out)
        assert shown(program, PYTHONPATH=value)[3] == bare[3]


def test_the_process_id_stays(program: Program) -> None:
    text = "import os; print(os.getpid()); os.execv(%r, %r)" % (
        sys.executable,
        [*MESHRUN, sys.executable, "-c", "import os; print(os.getpid())"],
    )
    before, after = program.start(
        [sys.executable, "-c", text], {**program.environ(), "PYTHONUNBUFFERED": "1"}
    ).out.split()

    assert before == after


@pytest.mark.parametrize(
    ("command", "code"), [(["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], -9), (["true"], 0)]
)
def test_the_exit_status_is_the_commands(program: Program, command: List[str], code: int) -> None:
    assert launch(program, *command) == (code, "", "")


def test_signals_and_locale_are_as_without_the_launcher(program: Program) -> None:
    show = ["sh", "-c", "grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status; env | grep -E '^(LC|LANG)'"]
    plain = {name: value for name, value in program.environ().items() if not name.startswith(("LC", "LANG", "PYTHON"))}
    bare = program.start(["env", *show], plain)

    assert program.start([*MESHRUN, *show], plain).out == bare.out


def test_the_environment_passes_through_byte_by_byte(program: Program) -> None:
    odd = {
        b"ODD": b"\xff\xfe",
        b"EMPTY": b"",
        b"LC_ALL": b"C.UTF-8",
        **{os.fsencode(k): os.fsencode(v) for k, v in program.environ().items()},
    }
    read, write = os.pipe()
    command = [*MESHRUN, "sh", "-c", 'printf "%s|%s|%s" "$ODD" "$EMPTY" "$1"', "sh", os.fsdecode(b"\xe9")]
    pid = os.posix_spawn(
        command[0], command, odd, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_CLOSE, read)]
    )
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        assert stream.read() == b"\xff\xfe||\xe9"
    os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no command: say which program to run"),
        (["--service", "orders"], "no command"),
        (["--"], "no command"),
        (["--service"], "--service needs a value"),
        (["--servce", "x", "true"], "unknown option --servce"),
        (["-x", "true"], "unknown option -x"),
        (["--service", "a/b", "true"], "--service 'a/b': expected 1 to 64 letters"),
        (["--lane", "", "true"], "--lane '': expected 1 to 64 letters"),
        (["--lane", "grün", "true"], "--lane"),
        (["--tags", "v2", "true"], "--tags 'v2': expected key=value pairs, comma-separated, such as version=v2"),
        (["--mode", "on", "true"], "--mode 'on': expected one of off, dormant, observe, carry, enforce"),
        (["--port", "http", "true"], "--port 'http': expected a port, 1 to 65535"),
        (["--port", "65536", "true"], "--port '65536': expected a port"),
        (["--config", "absent.yaml", "true"], "--config 'absent.yaml': there is no such file"),
    ],
)
def test_a_command_line_that_cannot_be_understood_exits_2_and_says_how_to_mend_it(
    program: Program, arguments: List[str], said: str
) -> None:
    ran = launch(program, *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("meshrun: " + said)
    assert ran.err.splitlines()[-1] == launcher.USAGE


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("absent-program", 127, "absent-program: command not found"),
        ("./absent", 127, "./absent: command not found"),
        ("app.py", 127, "app.py: command not found; run it as: meshrun python app.py"),
        ("./app.py", 126, "./app.py: cannot be executed: Permission denied; run it as: meshrun python ./app.py"),
        ("./noshebang", 126, "./noshebang: is not a program (a script needs a first line such as #!/bin/sh)"),
        ("./badshebang", 127, "./badshebang: the interpreter in its first line was not found"),
        ("./folder", 126, "./folder: is a directory"),
    ],
)
def test_a_command_that_cannot_run_exits_like_a_shell(program: Program, command: str, code: int, said: str) -> None:
    (program.folder / "app.py").write_text("print(1)")
    (program.folder / "folder").mkdir()
    for name, text in (("noshebang", "echo hello\n"), ("badshebang", "#!/not/there\n")):
        (program.folder / name).write_text(text)
        (program.folder / name).chmod(0o755)

    ran = launch(program, command)

    assert (ran.code, ran.out, ran.err) == (code, "", "meshrun: %s\n" % said)


def test_an_empty_command_is_not_found(program: Program) -> None:
    ran = launch(program, "")

    assert (ran.code, ran.out) == (127, "")
    assert ran.err.startswith("meshrun: '")


def test_help_version_and_boot_folder_are_answered_on_stdout(program: Program) -> None:
    assert launch(program, "--version") == (0, "meshrun %s\n" % __version__, "")
    assert launch(program, "--boot-folder") == (0, "%s\n" % DOOR, "")
    help_text = launch(program, "--help")
    assert (help_text.code, help_text.err) == (0, "")
    for option in launcher._OPTIONS:
        assert "  %s " % option in help_text.out


def test_a_dash_dash_ends_the_options(program: Program) -> None:
    assert launch(program, "--service", "a", "--", "sh", "-c", "echo $MESHRUN_SERVICE").out == "a\n"


def test_without_its_boot_folder_the_launcher_says_so_and_runs_the_command(
    program: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(launcher, "__file__", str(tmp_path / "meshrun" / "boot" / "launcher.py"))
    environ = {"PYTHONPATH": "/a"}

    launcher.prepare(environ, {})

    assert environ["PYTHONPATH"] == "/a"
    assert "the program runs without meshrun" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_with_the_mend_and_the_command_runs(program: Program) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        free = launch(program, "--port", str(other.getsockname()[1]), sys.executable, "-c", "print('ran')")
        other.listen()
        taken = launch(program, "--port", str(other.getsockname()[1]), sys.executable, "-c", "print('ran')")
    assert (free.out, free.err) == ("ran\n", "")
    assert taken.out == "ran\n"
    assert "is already taken: stop the program" in taken.err
