"""Compiled code of a bundle: which Pythons it is made for, and the run of each of them.

Only an interpreter itself can compile for itself. Those that are named get everything; where none is, those that are
found on this machine get what runs at the start of a program, so that a bundle for all of them stays small.
"""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ..boot.interpreter import listed
from . import bundle_compile
from .errors import Failure
from .invocation import reason

OLDEST, NEWEST = (3, 8), (3, 13)
MAX_SECONDS = 120.0
_ASK = """
import sys
out = [sys.implementation.name, "%d.%d" % sys.version_info[:2], str(sys.implementation.cache_tag), sys.executable]
sys.stdout.write("\\n".join(out))
"""


class Interpreter(NamedTuple):
    """A CPython that can compile for itself."""

    version: Tuple[int, int]
    tag: str
    path: str

    @property
    def shown(self) -> str:
        """``3.11``."""
        return "%d.%d" % self.version


def found(environ: Mapping[str, str]) -> List[Interpreter]:
    """One of each supported version: this Python, ``python3.N`` on ``PATH``, or what pyenv or uv have installed."""
    asked = [_ask(sys.executable, environ)]
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        for path in _places(minor, environ):
            one = _ask(path, environ)
            if isinstance(one, Interpreter) and one.version == (OLDEST[0], minor):
                asked.append(one)
                break
    return _one_each([one for one in asked if isinstance(one, Interpreter)])


def _places(minor: int, environ: Mapping[str, str]) -> Iterator[str]:
    """Paths at which a CPython 3.`minor` may be, the newest of a place first."""
    on_path = shutil.which("python3.%d" % minor, path=environ.get("PATH", os.defpath))
    if on_path is not None:
        yield on_path
    home = environ.get("HOME", "")
    pyenv = os.path.join(environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv"), "versions")
    uv = environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(home, ".local", "share", "uv", "python")
    for folder, name in ((pyenv, r"3\.%d\.(\d+)$"), (uv, r"cpython-3\.%d\.(\d+)-")):
        matches = [re.match(name % minor, one) for one in listed(folder)]
        for match in sorted(filter(None, matches), key=lambda one: -int(one.group(1))):
            yield os.path.join(folder, match.string, "bin", "python3")


def named(words: Sequence[str], environ: Mapping[str, str]) -> List[Interpreter]:
    """The interpreters of those names or paths. Raises `Failure`."""
    asked = []
    for word in words:
        path = shutil.which(os.path.expanduser(word), path=environ.get("PATH", os.defpath))
        one = "there is no such program" if path is None else _ask(path, environ)
        if isinstance(one, str):
            mend = "Name a CPython %d.%d or newer, as a command or by its path." % OLDEST
            raise Failure("MR2015", "the bundle cannot hold code for %s" % word, one, mend)
        asked.append(one)
    return _one_each(asked)


def compile_(bundle: str, interpreters: Sequence[Interpreter], empty: str, *, everything: bool) -> None:
    """Let each interpreter compile the bundle in the folder `bundle`; `empty` is a folder without modules.

    Raises `Failure`.
    """
    for folder in ("code", os.path.join("boot", "__pycache__")) if interpreters else ():
        os.makedirs(os.path.join(bundle, folder), exist_ok=True)
    text = inspect.getsource(bundle_compile)  # from a file, or from the archive of a bundle
    for one in interpreters:
        # Neither the user's settings nor his modules have a say, and sets of constants always have one order.
        command = [one.path, "-S", "-s", "-B", "-c", text, bundle, "all" if everything else "start"]
        done = _ran(command, {"PYTHONHASHSEED": "0"}, empty)
        if isinstance(done, str) or done.returncode:
            lines = done if isinstance(done, str) else (done.stderr.strip().splitlines() or [""])[-1]
            raise Failure("MR2015", "%s could not compile the bundle" % one.path, lines, "Leave it out, by --python.")


def _one_each(interpreters: Sequence[Interpreter]) -> List[Interpreter]:
    """The first of each kind, by version."""
    first: Dict[str, Interpreter] = {}
    for one in interpreters:
        first.setdefault(one.tag, one)
    return sorted(first.values())


def _ask(path: str, environ: Mapping[str, str]) -> Union[Interpreter, str]:
    """The interpreter behind a path, or why it cannot be used. Its own path: a shim knows where to go only here."""
    clean = {name: value for name, value in environ.items() if not name.startswith(("PYTHON", "MESHRUN"))}
    done = _ran([path, "-S", "-s", "-c", _ASK], clean, None)
    if isinstance(done, str):
        return done
    words = done.stdout.split("\n")
    if done.returncode or len(words) != 4:
        return "it is no Python that runs"
    version = tuple(int(word) for word in words[1].split("."))
    if words[0] != "cpython" or version < OLDEST:
        return "it is %s %s" % (words[0], words[1])
    return Interpreter((version[0], version[1]), words[2], words[3])


def _ran(
    command: Sequence[str], environ: Mapping[str, str], folder: Optional[str]
) -> Union[subprocess.CompletedProcess[str], str]:
    """How a command ended, or why it could not be run."""
    try:
        return subprocess.run(  # noqa: S603 -- the interpreters that the user has or names
            command, env=dict(environ), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=MAX_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return reason(error)
