from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meshrun.cli.main import COMMANDS

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl

AGENT = Path(__file__).resolve().parents[3] / "agent"


def python(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(AGENT), **environ}
    return subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True, check=False, timeout=60)


def test_without_a_command_the_help_names_each_of_them(meshctl: Meshctl) -> None:
    run = meshctl(here=False)
    assert run.status == 2
    for command in COMMANDS:
        assert command.help in run.out
    assert "0 fine, 1 a finding, 2 wrong usage or settings, 3 nothing could be reached" in run.out


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_each_command_has_help_no_wider_than_120(
    meshctl: Meshctl, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        meshctl(command, "--help", here=False)
    assert leaving.value.code == 0
    text = capsys.readouterr().out
    assert "--store URL" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_misspelt_command_gets_the_nearest_one(meshctl: Meshctl) -> None:
    run = meshctl("stauts")
    assert (run.status, run.out) == (2, "")
    assert run.err == (
        "meshctl: MR2001 there is no command 'stauts'; did you mean 'status'?\n  mend  See `meshctl --help`.\n"
    )


def test_a_misspelt_command_of_a_group_gets_the_nearest_one(meshctl: Meshctl) -> None:
    run = meshctl("lane", "crate", "gray")
    assert run.status == 2
    assert "there is no command 'crate'; did you mean 'create'?" in run.err
    assert "`meshctl lane --help`" in run.err


def test_a_usage_error_is_json_where_json_was_asked_for(meshctl: Meshctl) -> None:
    run = meshctl("explain", "-o", "json")
    assert (run.status, run.err) == (2, "")
    assert run.json["error"]["code"] == "MR2001"
    assert "--to --url" in run.json["error"]["what"]


def test_options_of_every_command_stand_before_or_after_it(meshctl: Meshctl) -> None:
    assert meshctl("-o", "json", "version").json == meshctl("version", "-o", "json").json
    before = meshctl("--namespace", "shop", "lane", "list", "-o", "json", "--store", meshctl.store)
    assert before.json == meshctl("lane", "list", "-o", "json", "--namespace", "shop", "--store", meshctl.store).json


def test_settings_that_cannot_be_read_say_which_file_and_why(meshctl: Meshctl, tmp_path: Path) -> None:
    path = tmp_path / "meshrun.yaml"
    run = meshctl("status", "--config", str(path))
    assert run.status == 2
    assert "MR2002 the settings in %s cannot be read" % path in run.err.replace("\n  ", " ")
    path.write_text("- a\n")
    why = "  why   expected a mapping of settings, such as `store: file:/var/lib/meshrun/store`\n"
    assert why in meshctl("status", "--config", str(path)).err
    path.write_text("a: [\n")
    run = meshctl("status", "--config", str(path))
    assert (run.status, "line 2, column 1" in run.err) == (2, True)


def test_a_flag_counts_before_the_environment_and_that_before_the_file(meshctl: Meshctl, tmp_path: Path) -> None:
    path = tmp_path / "meshrun.yaml"
    path.write_text("store: file:%s/of-the-file\n" % tmp_path)
    meshctl.environ["MESHRUN_CONFIG"] = str(path)
    meshctl.environ["MESHRUN_STATE_DIR"] = str(meshctl.state)
    assert "of-the-file (store in meshrun.yaml);" in meshctl("status", here=False).out.splitlines()[0]
    meshctl.environ["MESHRUN_STORE"] = "file:%s/of-the-environment" % tmp_path
    assert "of-the-environment (MESHRUN_STORE);" in meshctl("status", here=False).out.splitlines()[0]
    assert "of-the-flag (--store);" in meshctl("status", store="file:%s/of-the-flag" % tmp_path).out.splitlines()[0]


def test_an_unknown_store_is_unreachable_with_the_way_to_mend_it(meshctl: Meshctl) -> None:
    run = meshctl("lane", "list", store="redis://h:1")
    assert run.status == 3
    assert run.err.startswith("meshctl: MR3001 the store redis://h:1 (--store) cannot be used\n  why   no engine for")
    assert "  mend  Name the store with --store or MESHRUN_STORE" in run.err


def test_a_name_of_any_script_does_not_break_an_ascii_terminal() -> None:
    run = python("-m", "meshrun.cli", "explain", "--to", "\u7070", "--store", "file:/nowhere", PYTHONIOENCODING="ascii")
    assert run.returncode == 1
    assert "\\u7070" in run.stdout
    assert "Traceback" not in run.stderr


def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    command = "%s -m meshrun.cli schema | head -c 1; exit ${PIPESTATUS[0]}" % sys.executable
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(AGENT)}
    run = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "{", "")


def test_a_command_loads_only_what_it_needs() -> None:
    code = (
        "import sys; from meshrun.cli.main import main; main(['version'])\n"
        "heavy = {'yaml', 'shutil', 'socket', 'random', 'difflib', 'meshrun.core.documents', 'meshrun.engines.file'}\n"
        "heavy -= {'shutil'} if sys.version_info < (3, 9) else set()  # argparse itself needs it there\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = python("-S", "-c", code)
    assert run.stdout.splitlines()[-1] == "[]", run.stderr
