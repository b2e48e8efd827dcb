"""How the ``file`` engine writes instances: leases, and slots given out under a lock per service."""

from __future__ import annotations

import os
from typing import Callable, Dict, FrozenSet, Iterable, Optional

from ..core.model import Instance, Pairs
from . import files
from .base import EngineError
from .file_instances import GENERATION, InstanceReader
from .file_leases import LEFT, LOCK, Folder, Now
from .file_records import TTL, VACANT_SECONDS, Left, Record, dump, dump_left
from .folders import make_folder, sweep
from .locks import Lock
from .names import quote

_WAIT = 1.0


class InstanceWriter:
    """Registration below one folder. `reserved` answers the reserved keys of a namespace."""

    def __init__(
        self, root: str, store: str, reserved: Callable[[str], FrozenSet[str]], now: Callable[[], Now]
    ) -> None:
        self._root = root
        self._store = store
        self._reserved = reserved
        self._now = now
        self._ttl: Dict[str, float] = {}  # as this process wrote them, by path

    def register(self, instance: Instance, ttl: float) -> Instance:
        """Write the record with a lease of `ttl` seconds; answers the instance with its slot. Raises `EngineError`."""
        path = self._path(instance)
        lane = self._lane(instance)
        folder_path = os.path.dirname(path)
        make_folder(folder_path, self._store)
        with Lock(folder_path + "/" + LOCK, _WAIT):
            now = self._now()
            folder = _read(folder_path, instance.service, now)
            lease = folder.leases.get(instance.id)
            old = None if lease is None else lease.record
            started = instance.started or (old.instance.started if old else now.wall)
            slot = _slot(folder, instance.id, lane, old.instance.slot if old and old.lane == lane else None)
            instance = instance._replace(slot=slot, started=started, alive=True)
            self._write(path, Record(instance, ttl, lane), now)
            taken = [item for item in folder.left if item.id != instance.id and (item.lane, item.slot) != (lane, slot)]
            _write_left(folder, taken, now)
            sweep(folder_path)
        self._announce()
        return instance

    def renew(self, instance: Instance, ttl: float) -> None:
        """Move the lease to now. A record that was lost is written again, one that was deregistered is not."""
        path = self._path(instance)
        now = self._now()
        written = files.mark(path)[0] / 1e9
        if written and self._ttl.get(path) == ttl and abs(now.wall - written) < ttl and _touched(path, now):
            return
        folder = self._existing(instance)
        if folder is not None and instance.id in folder.leases:
            instance = instance._replace(state=folder.leases[instance.id].record.instance.state)
        elif folder is not None and any(item.id == instance.id for item in folder.left):
            return
        self.register(instance, ttl)

    def mark(self, instance: Instance, state: str) -> None:
        """Write the record with another state; its slot and lease time stay. Raises `EngineError`."""
        path = self._path(instance)
        folder_path = os.path.dirname(path)
        if not os.path.isdir(folder_path):
            self.register(instance._replace(state=state), self._ttl.get(path, TTL))
            return
        with Lock(folder_path + "/" + LOCK, _WAIT):
            now = self._now()
            lease = _read(folder_path, instance.service, now).leases.get(instance.id)
            if lease is not None:
                record = lease.record
                self._write(path, record._replace(instance=record.instance._replace(state=state)), now)
        if lease is None:
            self.register(instance._replace(state=state), self._ttl.get(path, TTL))
        else:
            self._announce()

    def deregister(self, instance: Instance) -> None:
        """Remove the record and leave its slot; nothing to do when there is none. Raises `EngineError`."""
        path = self._path(instance)
        folder_path = os.path.dirname(path)
        self._ttl.pop(path, None)
        if not os.path.isdir(folder_path):
            return
        with Lock(folder_path + "/" + LOCK, _WAIT):
            now = self._now()
            folder = _read(folder_path, instance.service, now)
            lease = folder.leases.get(instance.id)
            if lease is not None:
                slot = lease.record.instance.slot
                left = Left(instance.id, lease.record.lane, slot, now.wall + VACANT_SECONDS)
                _write_left(folder, [*folder.left, left], now)
            if not files.remove(path):
                return
        self._announce()

    def forget(self, reader: InstanceReader) -> None:
        """Remove the records of instances that died so long ago that no reading shows them; best effort."""
        for folder in reader.forgotten():
            try:
                with Lock(folder.path + "/" + LOCK, 0.0):
                    now = self._now()
                    fresh = _read(folder.path, folder.key, now)
                    shown = {instance.id for instance in fresh.view[0]}
                    for name in fresh.leases.keys() - shown:
                        files.remove(fresh.record_path(name))
            except EngineError:
                continue  # In use, or not ours; the next registration tries again.

    def _path(self, instance: Instance) -> str:
        namespace, _, name = instance.service.partition("/")
        return "%s/%s/%s/%s.json" % (self._root, quote(namespace), quote(name), quote(instance.id))

    def _lane(self, instance: Instance) -> Pairs:
        reserved = self._reserved(instance.service.partition("/")[0])
        return tuple(sorted((key, value) for key, value in instance.tags.items() if key in reserved))

    def _existing(self, instance: Instance) -> Optional[Folder]:
        path = os.path.dirname(self._path(instance))
        return _read(path, instance.service, self._now()) if os.path.isdir(path) else None

    def _write(self, path: str, record: Record, now: Now) -> None:
        files.replace(path, (dump(record),), when=now.wall)
        self._ttl[path] = record.ttl

    def _announce(self) -> None:
        """Tell every reader that something changed."""
        files.replace(self._root + "/" + GENERATION, (os.urandom(8).hex().encode("ascii"),))


def _touched(path: str, now: Now) -> bool:
    """Set a file's time to now; False when it went away or is not ours, so that it has to be written anew."""
    try:
        os.utime(path, (now.wall, now.wall), follow_symlinks=False)
    except OSError:
        return False
    return True


def _read(path: str, key: str, now: Now) -> Folder:
    folder = Folder(path, key)
    folder.refresh(files.mark(path), now)
    return folder


def _slot(folder: Folder, name: str, lane: Pairs, old: Optional[int]) -> int:
    """The slot of instance `name`: the one that it has, else the lowest that no live instance of its lane holds."""
    taken = {r.instance.slot for r in folder.alive() if r.lane == lane and r.instance.id != name}
    if old is not None and old not in taken:
        return old
    slot = 0
    while slot in taken:
        slot += 1
    return slot


def _write_left(folder: Folder, left: Iterable[Left], now: Now) -> None:
    """Write the slots that were left not long ago, if that changes anything."""
    kept = [item for item in left if now.wall < item.until <= now.wall + 2 * VACANT_SECONDS]
    if kept != folder.left:
        files.replace(folder.path + "/" + LEFT, (dump_left(kept),))
