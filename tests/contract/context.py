"""Runs the programs of `apps/context`: a mesh of one service with a lane, and what the programs see of their colour."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional

import pytest

from tests.contract.mesh import MAX_SECONDS, ROOT, Mesh

APPS = ROOT / "tests" / "contract" / "apps" / "context"
BASE, GRAY = "orders-0", "gray-0"
"""What an instance of the baseline and one of the lane call themselves."""
LANES: Mapping[str, str] = {"gray": "gray", "none": "-", "blue": "blue", "nobody": "-"}
"""Who asks -> the colour that it sees."""
CALLS: Mapping[str, str] = {"gray": GRAY, "none": BASE, "blue": BASE, "nobody": BASE}
"""Who asks -> who answers a call."""


class Lanes(Mesh):
    """The mesh, and its programs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.servers = self.service("orders") + self.service("orders", 1, {"lane": "gray"}, label="gray")

    def app(
        self, name: str, *words: str, python: str = sys.executable, env: Optional[Mapping[str, str]] = None,
        bare: bool = False, door: bool = True, silent: bool = True,
    ) -> Any:  # fmt: skip
        """What a program answers; `door`: as of `Mesh.run`. What it writes on stderr is `said`: nothing if `silent`."""
        environ: Dict[str, str] = {
            name: value for name, value in self._env(door).items() if not (bare and name.startswith("MESHRUN_"))
        }
        if bare:
            del environ["PYTHONPATH"]
        done = subprocess.run(
            [python, "-W", "ignore", str(APPS / (name + ".py")), *words], env=dict(environ, **(env or {})),
            cwd=str(self.folder), timeout=MAX_SECONDS, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert not (silent and done.stderr), done.stderr
        self.said = done.stderr
        return json.loads(done.stdout)


class ContextTests:
    """Tests of what follows, each in a mesh of its own."""

    @pytest.fixture
    def lanes(self, tmp_path: Path) -> Iterator[Lanes]:
        """A mesh for one test."""
        made = Lanes(tmp_path)
        try:
            yield made
        finally:
            made.close()
