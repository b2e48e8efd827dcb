"""Finds the interpreters of this machine: on PATH, then those that pyenv or uv have installed.

``python pythons.py 3.8 3.9`` prints ``3.8 /path`` per version, with an empty path for one that is not there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

SUPPORTED = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
LATER = ("3.14",)
"""Versions that are tested where they are installed; nobody is asked to install them."""
INERT = ("2.7", "3.6", "3.7")
"""Versions that the boot file must survive, doing nothing."""


def find(version: str) -> Optional[str]:
    """The path of a CPython of `version` (``3.8``) that runs, or None."""
    return next((path for path in _candidates(version) if _runs(path, version)), None)


def _candidates(version: str) -> Iterator[str]:
    if version == "%d.%d" % sys.version_info[:2]:
        yield sys.executable
    named = shutil.which("python" + version)
    if named:
        yield named
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python")
    folders: List[Path] = [*pyenv.glob(version + ".*"), *uv.glob("cpython-%s.*" % version)]
    for folder in sorted(folders, key=_patch, reverse=True):
        yield str(folder / "bin" / "python")


def _patch(folder: Path) -> Tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", folder.name)[:3])


def _runs(path: str, version: str) -> bool:
    """Whether it starts and is what its name says (a shim of pyenv may be neither)."""
    ask = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([path, "-c", ask], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout == version


if __name__ == "__main__":
    for wanted in sys.argv[1:] or SUPPORTED:
        sys.stdout.write("%s %s\n" % (wanted, find(wanted) or ""))
