"""How the ``file`` engine keeps the lives of instances: ``timelines/<id>.json``, each a file, a bounded number."""

from __future__ import annotations

import json
import os
from typing import List, Optional, Tuple

from ..core.timeline import EVENTS, Timeline
from . import files
from .base import EngineError
from .folders import entries, make_folder, sweep
from .names import file_of, name_of

LIMIT = 16384
"""Bytes of one timeline at most."""
MOST = 1000
"""Timelines that are kept; one more, and the oldest tenth goes."""


class Timelines:
    """The timelines below one folder; `root` is the folder of the store."""

    def __init__(self, folder: str, root: str) -> None:
        self._folder = folder
        self._root = root

    def write(self, timeline: Timeline) -> None:
        """Put the timeline in the place of an earlier one of the same instance. Raises `EngineError`."""
        path = "%s/%s" % (self._folder, file_of(timeline.id))
        new = files.mark(path) == files.ABSENT
        if new:
            make_folder(self._folder, self._root)
        files.replace(path, (_dump(timeline),))
        if new:
            thin(self._folder, MOST)

    def read(self) -> List[Timeline]:
        """Every timeline, the newest first; what cannot be read is left out. Raises `EngineError`."""
        found = []
        for entry in entries(self._folder):
            name = name_of(entry.name)
            try:
                timeline = _load(name, files.read(entry.path, LIMIT) or b"") if name else None
            except EngineError:
                continue  # One odd file hides no other.
            if timeline is not None:
                found.append(timeline)
        return sorted(found, key=lambda one: one.began, reverse=True)


def thin(folder: str, most: int) -> None:
    """Remove the oldest tenth of the files where there are too many; best effort. Raises `EngineError`."""
    found = [entry.path for entry in entries(folder)]
    if len(found) <= most:
        return
    aged: List[Tuple[int, str]] = sorted((files.mark(path)[0], path) for path in found)
    for _, path in aged[: len(found) - most + most // 10]:
        try:
            os.unlink(path)
        except OSError:
            continue  # Somebody else removed it, or only its owner may.
    sweep(folder)


def _dump(timeline: Timeline) -> bytes:
    fields = {name: value for name, value in timeline._asdict().items() if name != "id"}
    fields["events"] = {name: round(when, 6) for name, when in timeline.events.items()}
    return json.dumps(fields, separators=(",", ":"), sort_keys=True).encode("ascii")


def _load(name: str, data: bytes) -> Optional[Timeline]:
    """The timeline of instance `name`, or None when the content is none."""
    try:
        fields = json.loads(data)
        events = {key: float(fields["events"][key]) for key in EVENTS if key in fields["events"]}
        port, requests = int(fields["port"]), int(fields["requests"])
        begun = int(fields.get("begun", requests))  # which an earlier version did not write
        if not events or not all(0 <= when < 1e11 for when in events.values()):
            return None
        return Timeline(name, str(fields["service"]), str(fields["address"]), port, events, requests, begun)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
