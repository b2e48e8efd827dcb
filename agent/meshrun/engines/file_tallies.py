"""How the ``file`` engine keeps what callers counted: ``tallies/<instance id>.json``, each a file, a bounded number."""

from __future__ import annotations

import json
from typing import Dict, Mapping

from ..core.timeline import Calls
from . import files
from .base import EngineError
from .file_timelines import MOST, thin
from .folders import entries, make_folder
from .locks import Lock
from .names import file_of, name_of

LIMIT = 1 << 18
"""Bytes of one file at most."""
CALLERS = 1000
"""Callers of one instance that are kept; what more of them say is not."""
LOCK = ".lock"
_WAIT = 0.5


class Tallies:
    """The counts below one folder; `root` is the folder of the store."""

    def __init__(self, folder: str, root: str) -> None:
        self._folder = folder
        self._root = root

    def write(self, instance_id: str, caller: str, calls: Calls) -> None:
        """Put what a caller counted in the place of what it said before. Raises `EngineError`."""
        path = "%s/%s" % (self._folder, file_of(instance_id))
        make_folder(self._folder, self._root)
        with Lock(self._folder + "/" + LOCK, _WAIT):
            new = files.mark(path) == files.ABSENT
            told = dict(_read(path))
            if caller in told or len(told) < CALLERS:
                told[caller] = calls
                files.replace(path, (json.dumps(told, separators=(",", ":")).encode("ascii"),))
        if new:
            thin(self._folder, MOST)

    def read(self) -> Mapping[str, Mapping[str, Calls]]:
        """What each caller counted, by instance; what cannot be read is left out. Raises `EngineError`."""
        found: Dict[str, Mapping[str, Calls]] = {}
        for entry in entries(self._folder):
            name = name_of(entry.name)
            try:
                told = _read(entry.path) if name else {}
            except EngineError:
                continue  # One odd file hides no other.
            if told:
                found[name] = told
        return found


def _read(path: str) -> Mapping[str, Calls]:
    """What each caller counted. Raises `EngineError` where the file cannot be read; odd content is no callers'."""
    found: Dict[str, Calls] = {}
    try:
        told = json.loads(files.read(path, LIMIT) or b"{}")
        for caller, numbers in told.items():
            calls = Calls(*numbers)
            if all(type(number) is int and 0 <= number < 1 << 63 for number in calls):
                found[caller] = calls
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass  # What stands before the odd caller is good.
    return found
