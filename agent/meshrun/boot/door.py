"""The door of a virtual environment: opens it, closes it, says how it stands.

Three small files in its ``site-packages``: ``meshrun.pth``, one static line that the interpreter's start executes;
``meshrun.start``, the same for Pythons that have PEP 829 (3.15; not tested, none was there to test with); and
``_meshrun_door.py``, which both name. It starts nothing unless ``MESHRUN_ENABLED`` is set, and then what the boot file
of this installation starts: so the environment need not hold meshrun itself, and nothing is printed by the
interpreter after meshrun has been removed.
"""

from __future__ import annotations

import os
import re
from ast import literal_eval

from . import interpreter, launcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple

MODULE = "_meshrun_door"
LINE = "import %s; %s.boot()\n" % (MODULE, MODULE)
START = "%s:boot\n" % MODULE
CODE = '''\
"""Written by `meshctl venv enable`, removed by `meshctl venv disable`: starts meshrun where MESHRUN_ENABLED is 1."""

import os
import sys

FILE = %s
called = False


def boot():
    """Run the boot file of meshrun; a failure is one line on stderr, and the program runs without it."""
    global called
    again, called = called, True  # some Pythons read the lines of an environment twice
    if again or sys.version_info < (3, 8):
        return
    if os.environ.get("MESHRUN_ENABLED", "").strip() not in ("1", "true", "yes", "on"):
        return
    try:
        from _frozen_importlib import _load
        from _frozen_importlib_external import spec_from_file_location

        _load(spec_from_file_location("_meshrun_boot", FILE))
    except BaseException as error:
        try:
            what = " ".join(("%%s: %%s" %% (type(error).__name__, error)).split())
            sys.stderr.write("meshrun: not started, the program runs without it: " + what + "\\n")
        except BaseException:
            pass
    finally:
        sys.modules.pop("_meshrun_boot", None)
'''
_MARK = "Written by `meshctl venv enable`"
_OLDEST = (3, 8)


class DoorError(Exception):
    """The door cannot be opened or closed; the message says why and how to mend it."""


class State:
    """How the door of an environment stands.

    `enabled`: its Pythons meet meshrun. `files`: what lies there of ours. `target`: the boot file that they run, or
    empty. `reason`: what is wrong, or empty.
    """

    __slots__ = ("enabled", "files", "reason", "target")

    def __init__(self, enabled: bool, files: List[str], target: str, reason: str) -> None:
        self.enabled, self.files, self.target, self.reason = enabled, files, target, reason


def enable(prefix: str) -> List[str]:
    """Open the door of the environment in the folder `prefix`; the files that were written, none if it was open.

    Raises `DoorError`. Each file appears whole, the line last.
    """
    boot_file = _boot_file()
    written = []
    for packages in _places(prefix):
        wanted = list(_wanted(packages, boot_file))
        for path, _ in wanted:
            if os.path.lexists(path) and not _ours(path):
                raise DoorError("%s was not written by meshctl: remove it, then try again" % path)
        for path, text in wanted:
            if _read(path) != text:
                _write(path, text)
                written.append(path)
    return written


def disable(prefix: str) -> List[str]:
    """Close the door of the environment in `prefix`; the files that were removed. Raises `DoorError`."""
    removed = []
    for packages in _places(prefix):
        for path in reversed([path for path, _ in _wanted(packages, "")]):
            if _ours(path):
                removed.extend(_remove(path))
        removed.extend(path for name in _compiled(packages) for path in _remove(name))
    return removed


def state(prefix: str) -> State:
    """How the door of the environment in `prefix` stands. Raises `DoorError` if there is no environment."""
    files: List[str] = []
    reasons: List[str] = []
    target = ""
    for packages in _places(prefix):
        wanted = [path for path, _ in _wanted(packages, "")]
        there = [path for path in wanted if _ours(path)]
        if not there:
            continue
        files += there
        reasons += ["%s is missing" % path for path in wanted if path not in there]
        target = _target(wanted[0]) or target
    if target and not os.path.isfile(target):
        reasons.append("the installation that it starts is gone: there is no %s" % target)
    return State(bool(files) and not reasons, files, target, "; ".join(reasons))


def is_open(prefix: str) -> bool:
    """Whether the Pythons of the environment in `prefix` meet meshrun; False also where there is no environment."""
    try:
        return state(prefix).enabled
    except DoorError:
        return False


def _target(module: str) -> str:
    """The boot file that our module runs; an empty text if it does not say so."""
    line = next((line for line in _read(module).splitlines() if line.startswith("FILE = ")), "")
    try:
        return str(literal_eval(line.partition(" = ")[2]))
    except (SyntaxError, ValueError):
        return ""


def _boot_file() -> str:
    folder = launcher.boot_folder()
    if folder is None:
        raise DoorError("the boot folder of this installation is missing: install meshrun again")
    return os.path.join(folder, "sitecustomize.py")


def _places(prefix: str) -> List[str]:
    """The ``site-packages`` of an environment, of each CPython that it was made for."""
    if not any(os.path.exists(os.path.join(prefix, name)) for name in ("pyvenv.cfg", "conda-meta")):
        raise DoorError("%s is not a virtual environment: it has no pyvenv.cfg" % prefix)
    found, versions = [], []
    library = os.path.join(os.path.abspath(prefix), "lib")
    for name in sorted(interpreter.listed(library)):
        version = re.match(r"python(\d+)\.(\d+)t?$", name)
        packages = os.path.join(library, name, "site-packages")
        if version is None or not os.path.isdir(packages):
            continue
        versions.append(name)
        if (int(version.group(1)), int(version.group(2))) >= _OLDEST:
            found.append(packages)
    if not found:
        there = "its Python is %s" % versions[0] if versions else "it has no lib/python*/site-packages"
        raise DoorError("%s: %s; meshrun needs CPython 3.8 or newer" % (prefix, there))
    return found


def _wanted(packages: str, boot_file: str) -> Iterator[Tuple[str, str]]:
    """The files and their texts, in the order in which they may appear."""
    yield os.path.join(packages, MODULE + ".py"), CODE % ascii(boot_file)
    yield os.path.join(packages, "meshrun.start"), START
    yield os.path.join(packages, "meshrun.pth"), LINE


def _ours(path: str) -> bool:
    text = _read(path)
    return _MARK in text if path.endswith(".py") else text.strip() in (LINE.strip(), START.strip())


def _compiled(packages: str) -> List[str]:
    """What interpreters kept of our module; of somebody else's there is none while ours is there."""
    cache = os.path.join(packages, "__pycache__")
    if os.path.lexists(os.path.join(packages, MODULE + ".py")) or not os.path.isdir(cache):
        return []
    return [os.path.join(cache, name) for name in os.listdir(cache) if name.startswith(MODULE + ".")]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    """Put a file in place in one step, readable for whoever runs the environment's Pythons."""
    new = "%s.%d.new" % (path, os.getpid())
    try:
        with open(new, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(new, 0o644)
        os.replace(new, path)
    except OSError as error:
        if os.path.exists(new):
            _remove(new)
        raise DoorError("%s cannot be written: %s" % (path, error.strerror)) from error


def _remove(path: str) -> List[str]:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DoorError("%s cannot be removed: %s" % (path, error.strerror)) from error
    return [path]
