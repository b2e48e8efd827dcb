"""One service's folder of the ``file`` engine, as one process sees it: its records, and which leases still hold.

A lease is the file's modification time plus the seconds written in it. Whoever reads counts a lease on its own
monotonic clock, from the moment at which it saw the time change: a wall clock that jumps ends no lease.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from ..core.model import Instance, Vacancy
from . import files
from .base import EngineError
from .file_records import FORGET_SECONDS, LIMIT, VACANT_SECONDS, Left, Record, load, load_left, vacancies
from .folders import entries
from .names import file_of, name_of

LEFT = ".left"
LOCK = ".lock"
_RECHECK = 5.0
_NEVER = float("inf")


class Now(NamedTuple):
    """One moment: seconds since the epoch, and on the monotonic clock."""

    wall: float
    ticks: float


class Lease(NamedTuple):
    """A record as last seen."""

    mark: files.Mark
    content: int  # hash of the bytes
    record: Record
    looked: float  # ticks of the last look
    until: float  # ticks at which to look again
    ended: Optional[float]  # epoch second at which the lease ended; None: it holds


class Folder:
    """The records of one service. `refresh` and `expire` say whether `view` changed."""

    __slots__ = ("_next_show", "_settled", "_unread", "due", "key", "leases", "left", "mark", "path", "view")

    def __init__(self, path: str, key: str) -> None:
        self.path = path
        self.key = key
        self.mark = files.ABSENT
        self.due = _NEVER  # ticks at which `expire` has something to do
        self.leases: Dict[str, Lease] = {}  # by instance id
        self.left: List[Left] = []
        self.view: Tuple[Tuple[Instance, ...], Tuple[Vacancy, ...]] = ((), ())
        self._settled = False
        self._unread = False
        self._next_show = _NEVER  # ticks at which time alone changes the view

    def refresh(self, mark: files.Mark, now: Now) -> bool:
        """Read what changed if the folder's mark says that something may have. Raises `EngineError`."""
        if mark == self.mark and self._settled:
            return False
        found: Dict[str, Lease] = {}
        self._unread = False
        for entry in entries(self.path):
            name = name_of(entry.name)
            lease = self._look(entry.path, name, now) if name else None
            if lease is not None:
                found[name] = lease
        self.left = load_left(files.read(self.path + "/" + LEFT, 64 * LIMIT) or b"")
        self.leases = found
        self.mark, self._settled = mark, files.settled(mark, now.wall) and not self._unread
        return self._show(now)

    def expire(self, now: Now) -> bool:
        """Look again at the leases that are due. Raises `EngineError`."""
        show = self._next_show <= now.ticks
        for name, lease in list(self.leases.items()):
            if lease.until > now.ticks:
                continue
            seen = _seen(self.record_path(name))
            if seen[1] != lease.mark[1]:
                self._settled = False  # Another file: removed or written anew, so that the content counts too.
                return self.refresh(self.mark, now)
            self.leases[name] = _renewed(lease, seen, now)
            show = show or lease.ended is not None or self.leases[name].ended is not None
        if show:
            return self._show(now)
        self.due = self._soonest()
        return False

    def record_path(self, name: str) -> str:
        """Where the record of an instance id lies."""
        return "%s/%s" % (self.path, file_of(name))

    def alive(self) -> List[Record]:
        """The records whose lease holds."""
        return [lease.record for lease in self.leases.values() if lease.ended is None]

    def _look(self, path: str, name: str, now: Now) -> Optional[Lease]:
        seen = _seen(path)
        old = self.leases.get(name)
        if old is not None and seen == old.mark:
            return old
        try:
            data = files.read(path, LIMIT)
        except EngineError:
            self._unread = True  # One odd record hides no other; it is tried again at the next walk.
            return None
        if data is None:
            return None
        if old is not None and hash(data) == old.content:
            return _renewed(old, seen, now)
        record = load(data, self.key, name)
        if record is None:
            return None
        return _renewed(Lease(files.ABSENT, hash(data), record, now.ticks, _NEVER, None), seen, now)

    def _show(self, now: Now) -> bool:
        """Bring `view` and `due` up to date."""
        alive = self.alive()
        left = list(self.left)
        shown = [record.instance for record in alive]
        for lease in self.leases.values():
            if lease.ended is not None and now.wall - lease.ended < FORGET_SECONDS:
                shown.append(lease.record.instance._replace(alive=False))
                left.append(Left("", lease.record.lane, lease.record.instance.slot, lease.ended + VACANT_SECONDS))
        shown.sort(key=_place)
        empty = vacancies(self.key, alive, left, now.wall)
        self._next_show = min((now.ticks + place.until - now.wall for place in empty), default=_NEVER)
        self.due = self._soonest()
        view = (tuple(shown), tuple(empty))
        changed, self.view = view != self.view, view
        return changed

    def _soonest(self) -> float:
        return min([self._next_show] + [lease.until for lease in self.leases.values()])


def _renewed(lease: Lease, seen: files.Mark, now: Now) -> Lease:
    """The lease after a look, now, that found the mark `seen`."""
    if seen[0] == lease.mark[0]:
        if lease.until > now.ticks:
            return lease._replace(mark=seen, looked=now.ticks)
        ended = now.wall - (now.ticks - lease.until) if lease.ended is None else lease.ended
        return lease._replace(mark=seen, looked=now.ticks, until=now.ticks + _RECHECK, ended=ended)
    ttl, written = lease.record.ttl, seen[0] / 1e9
    age = max(0.0, now.wall - written)
    if lease.mark != files.ABSENT and age > now.ticks - lease.looked + 1:
        age = 0.0  # Renewed since the last look and yet older than it: the wall clock jumped.
    if age < ttl:
        return lease._replace(mark=seen, looked=now.ticks, until=now.ticks + ttl - age, ended=None)
    return lease._replace(mark=seen, looked=now.ticks, until=now.ticks + _RECHECK, ended=written + ttl)


def _seen(path: str) -> files.Mark:
    """The mark of a record; `ABSENT` also when it cannot be told."""
    try:
        return files.mark(path)
    except EngineError:
        return files.ABSENT


def _place(instance: Instance) -> Tuple[int, str]:
    return (instance.slot, instance.id)
