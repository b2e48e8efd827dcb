"""Reads from a command whether the Python that it starts will meet meshrun: flags and launchers that hide a door.

Only what stands in the command itself, or in the first line of its script, can be seen before it runs.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence

_ENDS = "cm"  # what follows these is the program's
_TAKES_A_VALUE = "WX"
_HIDES = "EIS"
LONGEST_FIRST_LINE = 256  # bytes; the kernel reads no more


def hiding_flag(command: Sequence[str]) -> str:
    """The flag, ``-E``, ``-I`` or ``-S``, by which `command` keeps the environment door shut; empty: there is none."""
    if _is_python(command[0]):
        return _flag(command[1:])
    words = _first_line(_found(command[0]))
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S"]
    return _flag(words[1:]) if words and _is_python(words[0]) else ""


def hiding_launcher(command: Sequence[str]) -> str:
    """The name of another agent's launcher in front of the program whose start-up code runs none that lies behind it.

    Empty: there is none, or it finds us by our entry point, since meshrun is installed beside it.
    """
    name = os.path.basename(command[0])
    if name == "elasticapm-run":
        return name
    return name if name == "opentelemetry-instrument" and not _installed(environment_of(command)) else ""


def _installed(prefix: str) -> bool:
    """Whether the environment in `prefix` holds a distribution of ours, with its entry points."""
    library = os.path.join(prefix, "lib")
    places = [os.path.join(library, name, "site-packages") for name in listed(library)] if prefix else []
    names = (name for place in places for name in listed(place))
    return any(name.startswith("meshrun-") and name.endswith(".dist-info") for name in names)


def listed(folder: str) -> List[str]:
    """The names in a folder; none if it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _is_python(name: str) -> bool:
    """``python``, ``python3``, ``/usr/bin/python3.11``, ``python3.13t``."""
    stem, word, version = os.path.basename(name).partition("python")
    return not stem and bool(word) and (not version or version.rstrip("t").replace(".", "").isdecimal())


def _flag(words: Sequence[str]) -> str:
    """The first hiding flag among the interpreter's own options, ``-S`` before others, since it hides more."""
    found = ""
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        word = rest.pop(0)
        if word.startswith("--"):
            if word == "--check-hash-based-pycs" and rest:
                rest.pop(0)
            continue
        for index, letter in enumerate(word[1:], 2):
            if letter in _HIDES and found != "-S":
                found = "-" + letter
            if letter in _ENDS:
                return found
            if letter in _TAKES_A_VALUE:
                if index == len(word) and rest:
                    rest.pop(0)
                break
    return found


def _first_line(script: Optional[str]) -> List[str]:
    """The words behind ``#!``; none if it is no script or cannot be read."""
    if script is None:
        return []
    try:
        with open(script, "rb") as file:
            line = file.read(LONGEST_FIRST_LINE).partition(b"\n")[0]
    except OSError:
        return []
    return line[2:].decode("utf-8", "replace").split() if line.startswith(b"#!") else []


def environment_of(command: Sequence[str]) -> str:
    """The folder of the virtual environment whose Python a command runs; empty: it is not one, or cannot be seen."""
    found = _found(command[0])
    if found is None:
        return ""
    words = _first_line(found)
    prefix = os.path.dirname(os.path.dirname(os.path.abspath(words[0] if words else found)))
    return prefix if os.path.exists(os.path.join(prefix, "pyvenv.cfg")) else ""


def _found(name: str) -> Optional[str]:
    """Where the command lies, as `exec` will find it."""
    folders = [""] if os.sep in name else os.get_exec_path()
    places = (os.path.join(folder, name) for folder in folders)
    return next((place for place in places if os.access(place, os.X_OK) and os.path.isfile(place)), None)
