"""Runs small programs bare and under meshrun, each in an interpreter of its own, with planted modules."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Dict, Mapping, NamedTuple, Optional, Sequence

ROOT = Path(__file__).resolve().parents[2]
DOOR = ROOT / "sitecustomize"


class Ran(NamedTuple):
    """How a program ended."""

    code: int
    out: str
    err: str


class Program:
    """A folder on PYTHONPATH with planted modules, and ways to run Python there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"

    def plant(self, files: Mapping[str, str], under: str = "lib") -> Path:
        """Write modules; answers the folder that they lie in."""
        for name, text in files.items():
            path = self.folder / under / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return self.folder / under

    def environ(self, path: Sequence[object] = (), **settings: str) -> Dict[str, str]:
        """An environment without traces of this test run, PYTHONPATH being `path`, then the planted modules."""
        dropped = ("PYTHON", "MESHRUN", "COV", "XDG", "OTEL")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        places = [str(entry) for entry in (*path, self.folder / "lib")]
        return dict(
            clean,
            PYTHONPATH=os.pathsep.join(places),
            PYTHONDONTWRITEBYTECODE="1",
            PYTHONUNBUFFERED="1",
            MESHRUN_STATE_DIR=str(self.state),
            **settings,
        )

    def run(self, code: str, path: Sequence[object] = (), *, python: str = sys.executable, **settings: str) -> Ran:
        """Run `code` with `path` in front of the planted modules."""
        return self.start([python, "-c", textwrap.dedent(code)], self.environ(path, **settings))

    def start(self, command: Sequence[str], environ: Optional[Mapping[str, str]] = None) -> Ran:
        """Run a command in the program's folder."""
        done = subprocess.run(
            list(command),
            cwd=str(self.folder),
            env=dict(environ if environ is not None else self.environ()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def bare(self, code: str, **settings: str) -> Ran:
        """Run `code` without meshrun."""
        return self.run(code, **settings)

    def meshed(self, code: str, **settings: str) -> Ran:
        """Run `code` under the environment door, by default with none of the hooks of the table."""
        return self.run(code, [DOOR], **{"MESHRUN_ENABLED": "1", "MESHRUN_HOOKS": "-all", **settings})

    def hooked(self, code: str, hook: str = "planted:hook", **settings: str) -> Ran:
        """Run `code` under the environment door with one planted hook and no other."""
        return self.meshed(code, MESHRUN_HOOKS="-all," + hook, **settings)
