"""How the ``file`` engine reads instances: one look costs one ``stat`` while nothing changed and no lease is due."""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Tuple

from ..core.model import Instance, Vacancy
from . import files
from .base import EngineError, InstancesReading
from .file_leases import Folder, Now
from .folders import entries
from .names import unquote

GENERATION = ".generation"
_WALK_SECONDS = 5.0


class InstanceReader:
    """The instances below one folder, ``<namespace>/<service>/<id>.json``, as one process sees them.

    Writers replace the generation file after each change. Folders are walked every few seconds besides, for changes
    whose writer died before it did so, and for records that were removed by hand. Where a service's whole folder is
    gone, its instances are shown until their leases end; those that live have written it anew by then.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._generation = root + "/" + GENERATION
        self._mark = files.ABSENT
        self._settled = False
        self._next_walk = 0.0  # ticks
        self._next_due = 0.0  # ticks
        self._folders: Dict[str, Folder] = {}  # by path
        self._reading = InstancesReading({}, ())

    def look(self, now: Now, fresh: bool) -> InstancesReading:
        """The instances now, the same object while nothing changed; `fresh` walks in any case. Raises `EngineError`."""
        mark = files.mark(self._generation)
        changed = False
        if fresh or mark != self._mark or not self._settled or now.ticks >= self._next_walk:
            changed = self._walk(now)
            self._mark, self._settled = mark, files.settled(mark, now.wall)
            self._next_walk = now.ticks + _WALK_SECONDS
        if changed or now.ticks >= self._next_due:
            for folder in self._folders.values():
                if folder.due <= now.ticks and folder.expire(now):
                    changed = True
            self._next_due = min((folder.due for folder in self._folders.values()), default=float("inf"))
        if changed:
            self._reading = self._assemble()
        return self._reading

    def _walk(self, now: Now) -> bool:
        """Refresh each folder whose mark moved; whether anything changed."""
        changed = False
        folders: Dict[str, Folder] = {}
        for path, key, mark in _services(self._root):
            folder = self._folders.get(path) or Folder(path, key)
            folders[path] = folder
            try:
                changed = folder.refresh(mark, now) or changed
            except EngineError:
                continue  # One folder that cannot be read hides no other; it shows what it held.
        for path in self._folders.keys() - folders.keys():
            folder = self._folders[path]
            if folder.alive():  # Nobody said that they leave: a store that was taken away is no empty one.
                folders[path] = folder
            else:
                changed = changed or folder.view != ((), ())
        self._folders = folders
        return changed

    def _assemble(self) -> InstancesReading:
        instances: Dict[str, Tuple[Instance, ...]] = {}
        vacancies: List[Vacancy] = []
        for folder in self._folders.values():
            if folder.view[0]:
                instances[folder.key] = folder.view[0]
            vacancies += folder.view[1]
        return InstancesReading(instances, tuple(vacancies))

    def forgotten(self) -> Iterator[Folder]:
        """Folders that hold records of instances that no reading shows any more."""
        for folder in self._folders.values():
            if len(folder.view[0]) < len(folder.leases):
                yield folder


def _services(root: str) -> Iterator[Tuple[str, str, files.Mark]]:
    """(path, service key, mark) of each service's folder. Raises `EngineError` when the root cannot be read."""
    for space in entries(root):
        namespace = unquote(space.name)
        try:
            services = list(entries(space.path)) if namespace else []
        except EngineError:
            continue  # As with one service's folder.
        for entry in services:
            name = unquote(entry.name)
            mark: Optional[files.Mark] = None
            try:
                seen = entry.stat()
                if entry.is_dir():
                    mark = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
            except OSError:
                continue  # It vanished, or is a link to nowhere.
            if name and mark:
                yield entry.path, "%s/%s" % (namespace, name), mark
