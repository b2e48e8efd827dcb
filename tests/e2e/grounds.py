"""A virtual environment with a library, its hook and a program that shows whether the hook is in: for launch tests."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from meshrun.boot import door
from tests.compat.programs import DOOR, ROOT

LIBRARY = "__version__ = '2.0'\ndef answer(): return 'bare'\n"
HOOK = """
from meshrun import hook
LIBRARY, SUPPORTED, VERSION = "toy", (">=1", "<3"), ("toy", "__version__")
TRIGGERS = ("toy",)
SEAMS = ("toy:answer",)
def _seams():
    import toy
    return [(toy, "answer", lambda original: lambda: "hooked")]
patch, unpatch = hook.seams(_seams)
"""
PROBE = """
import sys
site = %r
sys.path.extend([] if site in sys.path else [site])  # as without site-packages there is no library to hook
import toy
print(toy.answer(), __name__, sys.argv[1:], sys.path, sys.flags, sep="; ")
"""
LAUNCHER = ("-c", "import sys; sys.path.insert(0, %r); from meshrun.boot.launcher import main; main()" %
            str(ROOT / "agent"))  # fmt: skip
DOORS = ("environment", "launcher", "venv")
BOUND_SECONDS = 60


class Ran(NamedTuple):
    """How a program ended."""

    status: int
    out: str
    err: str

    @property
    def answer(self) -> str:
        """The library's answer: ``bare`` or ``hooked``."""
        return self.out.partition(";")[0]


class Grounds:
    """The environment, and ways to run programs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.venv = folder / "venv"
        self.work.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.venv)], check=True)
        self.python = str(self.venv / "bin" / "python")
        (self.packages,) = self.venv.glob("lib/python*/site-packages")
        self.probe = PROBE % str(self.packages)
        (self.packages / "planted").mkdir()
        texts = {"toy.py": LIBRARY, "probe.py": self.probe, "planted/__init__.py": "", "planted/hook.py": HOOK}
        for name, text in texts.items():
            (self.packages / name).write_text(text, encoding="utf-8")
        (self.work / "app.py").write_text(self.probe, encoding="utf-8")
        (self.work / "package").mkdir()
        (self.work / "package" / "__main__.py").write_text(self.probe, encoding="utf-8")
        with zipfile.ZipFile(str(self.work / "app.pyz"), "w") as archive:
            archive.writestr("__main__.py", self.probe)
        self.script("tool", "#!%s\nimport probe\n" % self.python)

    def script(self, name: str, text: str) -> str:
        """A program in the environment's ``bin``."""
        path = self.venv / "bin" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def environ(self, door_name: str = "", path: str = "", **settings: str) -> Dict[str, str]:
        """The environment of a program behind a door; `path`: what the user's PYTHONPATH holds."""
        dropped = ("PYTHON", "MESHRUN", "COV", "XDG", "OTEL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        kept.update(PATH="%s:%s" % (self.venv / "bin", os.defpath), PYTHONDONTWRITEBYTECODE="1")
        if path:
            kept["PYTHONPATH"] = path
        if door_name:
            kept.update(MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all,planted:hook")
            kept["MESHRUN_STATE_DIR"] = str(self.folder / "state")
        if door_name == "environment":
            kept["PYTHONPATH"] = os.pathsep.join([str(DOOR), *([path] if path else [])])
        return dict(kept, **settings)

    def run(
        self, command: Sequence[str], door_name: str = "", path: str = "", cwd: Optional[Path] = None, **settings: str
    ) -> Ran:
        """Run a command behind a door: ``environment``, ``launcher``, ``venv``, or none."""
        if door_name == "launcher":
            settings = dict(settings, MESHRUN_ENABLED="")  # it is the launcher that says so
        environ = self.environ(door_name, path, **settings)
        words = [sys.executable, *LAUNCHER, *command] if door_name == "launcher" else list(command)
        if door_name == "venv":
            door.enable(str(self.venv))
        try:
            return ran(words, environ, cwd or self.work)
        finally:
            door.disable(str(self.venv))


def ran(command: Sequence[str], environ: Mapping[str, str], cwd: Path) -> Ran:
    """Run a command to its end."""
    done = subprocess.run(
        list(command), cwd=str(cwd), env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=BOUND_SECONDS, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def unseen(lines: str) -> List[str]:
    """What a program wrote, without lines of ours."""
    return [line for line in lines.splitlines() if not line.startswith("meshrun: ")]
