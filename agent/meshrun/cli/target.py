"""Which Python a command line runs, and what that Python says of itself, without running the program."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..boot import launcher
from . import proc

_PYTHON = re.compile(r"(python|pypy)[0-9.]*t?$")
_LONG_FIRST_LINE = re.compile(rb"'''exec' (\"[^\"]+\"|\S+) ")
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_SECONDS = 20.0
# Runs without `site`, then lets `site` find the folders as at any start, with stand-ins for the two customization
# modules, so that neither they nor meshrun run here. Every Python from 2.7 on reads it.
_ASK = """
import json, sys
for name in ("sitecustomize", "usercustomize"):
    sys.modules[name] = type(sys)(name)
import site
if %(site)d and sys.version_info >= (3, 3):
    site.main()
implementation = getattr(sys, "implementation", None)
json.dump({"executable": sys.executable, "prefix": sys.prefix, "version": list(sys.version_info[:3]),
    "implementation": implementation.name if implementation else "cpython", "path": sys.path}, sys.stdout)
"""


class Target(NamedTuple):
    """A command as the doctor understands it."""

    python: Optional[str]  # the interpreter; None: the command runs none
    flags: Tuple[str, ...]  # the interpreter's own options
    environ: Mapping[str, str]
    launched: bool  # `meshrun` stands before the command
    about: str  # how the interpreter was found, for people
    problem: str = ""  # why `python` is None
    folder: Optional[str] = None  # working directory of a live process


class Python(NamedTuple):
    """What an interpreter says of itself."""

    executable: str
    prefix: str
    version: Tuple[int, ...]
    implementation: str
    path: Tuple[str, ...]

    @property
    def shown(self) -> str:
        """``CPython 3.11.7``."""
        name = {"cpython": "CPython", "pypy": "PyPy"}.get(self.implementation, self.implementation)
        return "%s %s" % (name, ".".join(str(part) for part in self.version))


def resolve(command: Sequence[str], environ: Mapping[str, str]) -> Target:
    """The Python that a command would run. Without a command: ``python``, as ``meshrun python …`` would find it.

    Raises `launcher.Usage` and `launcher.Answer` for a ``meshrun`` command line that runs nothing.
    """
    words = list(command)
    given: Dict[str, str] = dict(environ)
    launched = bool(words) and os.path.basename(words[0]) == "meshrun"
    if launched:
        settings, words = launcher.parse(words[1:])
        given.update(settings)
        if not given.get("MESHRUN_ENABLED", "").strip():
            given["MESHRUN_ENABLED"] = "1"
    if not words:
        return _default(given)
    path = shutil.which(words[0], path=given.get("PATH", os.defpath))
    if path is None:
        return Target(None, (), given, launched, "", "there is no command %s" % words[0])
    if _PYTHON.match(os.path.basename(path)):
        return Target(path, _flags(words[1:]), given, launched, "")
    first = _first_line(path)
    if first and os.path.basename(first[0]) == "env":
        rest = [word for word in first[1:] if not word.startswith("-") and "=" not in word]
        first = [shutil.which(rest[0], path=given.get("PATH", os.defpath)) or rest[0], *rest[1:]] if rest else []
    if first and _PYTHON.match(os.path.basename(first[0])):
        return Target(first[0], _flags(first[1:]), given, launched, "named in the first line of %s" % path)
    what = "%s is no Python program; what is said of libraries is for the `python` that it may start" % path
    return _default(given)._replace(launched=launched, about=what)


def of_process(pid: int) -> Target:
    """The Python of a live process. Raises `OSError` where the process is gone or another user's."""
    environ, command = proc.environ(pid), proc.words(pid)
    folder, executable = proc.folder(pid), proc.program(pid)
    if not command or not _PYTHON.match(os.path.basename(executable).partition(" ")[0]):
        return Target(None, (), environ, False, "", "%s is no Python" % executable, folder)
    # The link names the installation; the first word names the virtual environment, if it is a path.
    named = command[0] if os.sep in command[0] else shutil.which(command[0], path=environ.get("PATH", os.defpath))
    path = os.path.join(folder, named) if named else executable
    if not (os.path.exists(path) and os.path.realpath(path) == os.path.realpath(executable)):
        path = executable
    return Target(path, _flags(command[1:]), environ, False, "that of process %d" % pid, folder=folder)


def ask(target: Target, uid: Optional[int] = None) -> Python:
    """What the interpreter of a target says. Raises `OSError` or `ValueError` with the reason if it says nothing.

    `uid`: who it runs as, where we are root: whoever may write into an environment must not become root by it.
    """
    environ = dict(target.environ, MESHRUN_ENABLED="0", PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1")
    environ.pop("PYTHONINSPECT", None)
    site = 0 if any(flag.startswith("-") and "S" in flag for flag in target.flags) else 1
    kept = [flag for flag in target.flags if re.match("-[EIsP]+$", flag)]
    words = [str(target.python), *kept, "-S", "-c", _ASK % {"site": site}]
    try:
        ran = subprocess.run(  # noqa: S603 -- the interpreter that the user named, with a program of ours
            words, env=environ, cwd=target.folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS,
            check=False, preexec_fn=_becoming(uid),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ValueError("it did not answer within %d seconds" % _SECONDS) from None
    try:
        found = json.loads(ran.stdout.decode("utf-8"))
    except ValueError:
        said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(said[-1] if said else "it ended with status %d" % ran.returncode) from None
    # The first entry is that of `-c`, which no program has.
    path = found["path"][1:] if found["path"][:1] == [""] else found["path"]
    version = tuple(found["version"])
    return Python(found["executable"], found["prefix"], version, found["implementation"], tuple(path))


def _becoming(uid: Optional[int]) -> Optional[Callable[[], None]]:
    """What a child does before it becomes the interpreter: give up root, where we are root and `uid` is not."""
    if not uid or os.geteuid():
        return None
    try:
        group = pwd.getpwuid(uid).pw_gid
    except KeyError:
        group = uid

    def become() -> None:
        os.setgroups([])
        os.setgid(group)
        os.setuid(uid)

    return become


def _default(environ: Mapping[str, str]) -> Target:
    for name in ("python", "python3"):
        found = shutil.which(name, path=environ.get("PATH", os.defpath))
        if found is not None:
            return Target(found, (), environ, False, "`%s` on PATH" % name)
    return Target(sys.executable, (), environ, False, "that of meshctl: there is no `python` on PATH")


def _flags(words: Sequence[str]) -> Tuple[str, ...]:
    """The interpreter's own options at the start of its arguments."""
    found: List[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        word = rest.pop(0)
        if not word.startswith("--") and ("c" in word or "m" in word):
            found += [word.partition("c")[0].partition("m")[0]]
            break
        found.append(word)
        if word in _WITH_VALUE and rest:
            found.append(rest.pop(0))
    return tuple(flag for flag in found if flag != "-")


def _first_line(path: str) -> List[str]:
    """The interpreter of a script and its options; the form that installers use for long paths is understood."""
    try:
        with open(path, "rb") as stream:
            lines = stream.read(1024).split(b"\n", 2)
    except OSError:
        return []
    if not lines[0].startswith(b"#!"):
        return []
    long = _LONG_FIRST_LINE.match(lines[1]) if len(lines) > 1 else None
    if long:
        return [long.group(1).strip(b'"').decode("utf-8", "replace")]
    return lines[0][2:].decode("utf-8", "replace").split()
