"""The wheel, built from a clean copy: complete, nothing forbidden in it, working where nothing else is installed."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path
from typing import Dict, List, Set

import pytest

from tests.compat.environments import needed
from tests.compat.pythons import find
from tests.compat.test_pins import PINS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def _run(*command: object, **environ: str) -> str:
    """Run a command without this test run's settings; answers what it printed, and fails with it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MESHRUN"))}
    ran = subprocess.run(
        [str(word) for word in command],
        env=dict(clean, **environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def clean_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone would hold."""
    copy = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=str(ROOT), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(ROOT / name), str(copy / name))
    return copy


@pytest.fixture(scope="module")
def wheel(clean_copy: Path) -> Path:
    """Built by way of the source distribution, so that this one is complete, too."""
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", clean_copy / "dist", clean_copy)
    (built,) = (clean_copy / "dist").glob("*.whl")
    return built


def _record(wheel: Path) -> Set[str]:
    with zipfile.ZipFile(str(wheel)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        return {row[0] for row in csv.reader(archive.read(name).decode().splitlines())}


def _text(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(str(wheel)) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(".dist-info/" + name))
        return archive.read(path).decode()


def test_the_wheel_holds_every_module_and_the_boot_folder_and_nothing_else(wheel: Path, clean_copy: Path) -> None:
    wanted = {"meshrun/sitecustomize/sitecustomize.py", "meshrun/py.typed"}
    for folder in ("agent", "hooks"):
        wanted |= {path.relative_to(clean_copy / folder).as_posix() for path in (clean_copy / folder).rglob("*.py")}

    assert {name for name in _record(wheel) if ".dist-info/" not in name} == wanted


def test_the_wheel_installs_two_import_names_and_no_start_up_code(wheel: Path) -> None:
    record = _record(wheel)

    assert {name.partition("/")[0] for name in record if ".dist-info/" not in name} == {"meshrun", "meshrun_hooks"}
    assert [name for name in record if name.endswith((".pth", ".start", ".so")) or ".data/" in name] == []
    assert "py3-none-any" in wheel.name


def test_the_wheel_says_what_it_needs(wheel: Path) -> None:
    metadata = message_from_string(_text(wheel, "METADATA"))
    needed: List[str] = [item.replace(" ", "") for item in metadata.get_all("Requires-Dist", [])]

    assert sorted(item.lower() for item in needed if "extra==" not in item) == ["pyyaml>=5.3", "wrapt>=1.12"]
    assert metadata["Requires-Python"] == ">=3.8"
    assert set(metadata.get_all("Provides-Extra", [])) == {"otel", "clients", "console", "test"}
    assert metadata.get_all("License-File") == ["LICENSE"]


def test_the_wheel_brings_two_commands_and_a_door(wheel: Path) -> None:
    lines = _text(wheel, "entry_points.txt").replace(" ", "").split()

    assert lines == [
        "[console_scripts]", "meshctl=meshrun.cli.main:main", "meshrun=meshrun.boot.launcher:main",
        "[opentelemetry_instrumentor]", "meshrun=meshrun.boot.instrumentor:MeshrunInstrumentor",
    ]  # fmt: skip


APP = """
import asyncio, json, os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import urlopen

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served")
    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
answer = urlopen("http://127.0.0.1:%d/" % server.server_port, timeout=20).read().decode()
server.shutdown()
meshrun = sys.modules.get("meshrun")
print(json.dumps([answer, meshrun and meshrun.__file__, sys.path]))
"""


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a fresh environment that holds the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    _run(sys.executable, "-m", "venv", folder)
    _run(folder / "bin" / "python", "-m", "pip", "install", "--no-index", "--no-deps", wheel)
    return folder / "bin"


def test_alone_in_an_environment_it_runs_a_program(alone: Path, tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(APP)
    python = alone / "python"
    settings: Dict[str, str] = {
        "MESHRUN_STATE_DIR": str(tmp_path / "state"),
        "MESHRUN_STORE": "file:%s" % (tmp_path / "store"),
    }

    bare = _run(python, app)
    launched = _run(alone / "meshrun", "--service", "orders", python, app, **settings)
    door = _run(
        python, app, PYTHONPATH=_run(alone / "meshrun", "--boot-folder").strip(), MESHRUN_ENABLED="1", **settings
    )

    answer, meshrun, path = json.loads(bare)
    assert (answer, meshrun) == ("served", None)
    for ran in (launched, door):
        assert json.loads(ran)[::2] == [answer, path]
        assert json.loads(ran)[1].startswith(str(alone.parent))

        assert '["served", "%s' % alone.parent in ran
        assert (
            ran.partition(
                "[",
            )[2].partition("[")[2]
            == bare.partition("[")[2].partition("[")[2]
        )
    assert '["served", null' in bare


def test_installing_it_changes_no_release_that_an_environment_pins(wheel: Path) -> None:
    oldest = find("3.8")
    if oldest is None:
        pytest.skip("no Python 3.8 on this machine")
    python = needed("pins", oldest, ["%s==%s" % pin for pin in PINS.items()])

    said = _run(python, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "-", wheel)

    assert [item["metadata"]["name"] for item in json.loads(said)["install"]] == ["meshrun"]


def test_alone_in_an_environment_its_commands_answer(alone: Path) -> None:
    from meshrun import __version__

    assert _run(alone / "meshrun", "--version") == "meshrun %s\n" % __version__
    assert __version__ in _run(alone / "meshctl", "version")


def test_it_leaves_no_trace_in_programs_that_do_not_ask_for_it(alone: Path) -> None:
    names = "import sys; print([name for name in sys.modules if 'mesh' in name], 'sitecustomize' in sys.modules)"

    assert _run(alone / "python", "-c", names) == "[] False\n"
