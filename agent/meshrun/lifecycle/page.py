"""The shared page: one mapping that the root makes when it becomes a server.

Workers that are forked inherit it; those that are exec'd map a file of the state directory, whose name says the root.
It is the only thing that processes of one instance tell each other: the state of a stop, its deadline, what the elected
worker registered, and the requests that each worker has in flight. Every field has one kind of writer; readers need no
lock, because each field is one machine word.
"""

from __future__ import annotations

import mmap
import os
import time
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, Tuple

from .. import _processes
from ..core.timeline import EVENTS, READY

IDLE, DRAINING, DELIVERED, OFFLINE = range(4)
"""The states of a stop. Offline: drained by an operator, serving what still comes, never registered again."""

_STATE, _SERVING, _REGISTERED, _BY_OPERATOR, _TOLD, _UNREACHABLE, _SLEEP, _ORDERED = range(8)  # bytes
_DEADLINE, _SECONDS, _QUIET, _MIN, _STARTED = range(1, 6)  # doubles
_SLOT, _EXPECTED = 6, 7  # words
_IDENTITY = 64  # offset in bytes of the instance's id
_TIMES = 32  # double: one for each event of the timeline
_TABLE = 384  # offset in bytes
_WORKERS = 512
_ROW = 5  # words of one worker: pid, start of that process, requests in flight, requests so far, whether it is warm
_FIRST = _TABLE // 8  # word
_TICKETS = _TABLE + _WORKERS * _ROW * 8  # offset in bytes: one for each pid, by its last 16 bits
_SIZE = _TICKETS + 65536
_SUFFIX = ".page"
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_EVENTS = {name: number for number, name in enumerate(EVENTS)}
PID, BORN, INFLIGHT, REQUESTS, WARM = range(_ROW)


class Limits(NamedTuple):
    """How long a stop may take, in seconds: `drain` of the `Lifecycle` rule."""

    seconds: float
    quiet: float
    min: float


class Load(NamedTuple):
    """What all workers together do."""

    inflight: int
    requests: int


class Page:
    """The fields of the page, in memory of its own or in that of a file."""

    __slots__ = ("_doubles", "_words", "flags")

    def __init__(self, descriptor: int = -1) -> None:
        memory = memoryview(mmap.mmap(descriptor, _SIZE))
        self.flags = memory  # flags[0] is the state: requests read it without a call
        self._words = memory.cast("Q")
        self._doubles = memory.cast("d")

    @classmethod
    def shared(cls, folder: str, root: int, start: int) -> Page:
        """The page of a root that `start`ed then, for workers that it does not fork. Raises OSError.

        What roots that were killed have left is removed.
        """
        for name in os.listdir(folder):
            pid, _, born = name[: -len(_SUFFIX)].partition("-")
            ended = name.endswith(_SUFFIX) and pid.isdigit() and born.isdigit()
            if ended and not _processes.alive(int(pid), int(born)):
                remove(folder, int(pid), int(born))
        remove(folder, root, start)  # of a server that this process ran before
        descriptor = os.open(_path(folder, root, start), _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.ftruncate(descriptor, _SIZE)
            return cls(descriptor)
        finally:
            os.close(descriptor)

    @classmethod
    def found(cls, folder: str, root: int, start: int) -> Optional[Page]:
        """The page that the root made for workers that it does not fork; None: there is none that may be trusted."""
        try:
            descriptor = os.open(_path(folder, root, start), _FLAGS)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            mine = status.st_uid == os.geteuid() and status.st_size == _SIZE
            return cls(descriptor) if mine else None
        finally:
            os.close(descriptor)

    @property
    def identity(self) -> str:
        """The id of the instance."""
        return bytes(self.flags[_IDENTITY : _TIMES * 8]).rstrip(b"\0").decode("ascii")

    @identity.setter
    def identity(self, identity: str) -> None:
        self.flags[_IDENTITY : _TIMES * 8] = identity.encode("ascii").ljust(_TIMES * 8 - _IDENTITY, b"\0")

    def ticket(self, pid: int) -> int:
        """Changes whenever a process of this instance is about to send that one a stop signal."""
        return self.flags[_TICKETS + (pid & 0xFFFF)]

    def write_ticket(self, pid: int) -> None:
        """This process is about to send that one a stop signal."""
        at = _TICKETS + (pid & 0xFFFF)
        self.flags[at] = (self.flags[at] + 1) & 0xFF

    @property
    def state(self) -> int:
        """`IDLE`, `DRAINING`, `DELIVERED` or `OFFLINE`."""
        return self.flags[_STATE]

    @state.setter
    def state(self, state: int) -> None:
        self.flags[_STATE] = state

    @property
    def serving(self) -> bool:
        """Whether a worker was ready at some time: only then there is something to drain."""
        return bool(self.flags[_SERVING])

    @serving.setter
    def serving(self, yes: bool) -> None:
        self.flags[_SERVING] = yes
        self.note(READY, time.time())

    @property
    def registered(self) -> bool:
        """Whether the instance is in the registry."""
        return bool(self.flags[_REGISTERED])

    @registered.setter
    def registered(self, yes: bool) -> None:
        self.flags[_REGISTERED] = yes

    @property
    def by_operator(self) -> bool:
        """Whether the drain that goes on ends in `OFFLINE` and not in the delivery of a signal."""
        return bool(self.flags[_BY_OPERATOR])

    @by_operator.setter
    def by_operator(self, yes: bool) -> None:
        self.flags[_BY_OPERATOR] = yes

    @property
    def unreachable(self) -> bool:
        """Whether the registry refused the last write."""
        return bool(self.flags[_UNREACHABLE])

    @unreachable.setter
    def unreachable(self, yes: bool) -> None:
        self.flags[_UNREACHABLE] = yes

    @property
    def asleep(self) -> Optional[bool]:
        """Whether the mode leaves the instance alone, as a worker last said; None: no worker said anything yet."""
        return bool(self.flags[_SLEEP] - 1) if self.flags[_SLEEP] else None

    @asleep.setter
    def asleep(self, yes: bool) -> None:
        self.flags[_SLEEP] = 1 + yes

    @property
    def ordered(self) -> int:
        """What an operator ordered the whole instance: 0 nothing, else 1 + the number of the mode."""
        return self.flags[_ORDERED]

    @ordered.setter
    def ordered(self, number: int) -> None:
        self.flags[_ORDERED] = number

    @property
    def deadline(self) -> float:
        """When the drain ends at the latest, on the monotonic clock."""
        return self._doubles[_DEADLINE]

    @deadline.setter
    def deadline(self, when: float) -> None:
        self._doubles[_DEADLINE] = when

    @property
    def limits(self) -> Optional[Limits]:
        """What a worker last read in the rules, for a root that reads none; None: no worker said anything yet."""
        seconds, quiet, least = self._doubles[_SECONDS : _MIN + 1]
        return Limits(seconds, quiet, least) if self.flags[_TOLD] else None

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._doubles[_SECONDS] = limits.seconds
        self._doubles[_QUIET] = limits.quiet
        self._doubles[_MIN] = limits.min
        self.flags[_TOLD] = True

    @property
    def started(self) -> float:
        """Epoch second of the registration, kept when another worker takes it over; 0: never registered."""
        return self._doubles[_STARTED]

    @started.setter
    def started(self, when: float) -> None:
        self._doubles[_STARTED] = when

    @property
    def slot(self) -> int:
        """The slot that the registry gave."""
        return self._words[_SLOT]

    @slot.setter
    def slot(self, slot: int) -> None:
        self._words[_SLOT] = slot

    @property
    def expected(self) -> int:
        """How many workers the master keeps; 0: nobody said."""
        return self._words[_EXPECTED]

    @expected.setter
    def expected(self, number: int) -> None:
        self._words[_EXPECTED] = number

    @property
    def times(self) -> Mapping[str, float]:
        """When the events of the timeline happened, those that did, in epoch seconds."""
        return {name: self._doubles[_TIMES + n] for name, n in _EVENTS.items() if self._doubles[_TIMES + n]}

    def when(self, event: str) -> float:
        """The epoch second of an event of the timeline; 0: it did not happen."""
        return self._doubles[_TIMES + _EVENTS[event]]

    def note(self, event: str, when: float, *, again: bool = False) -> None:
        """Note when an event of the timeline happened. The first time counts; `again`: the last."""
        number = _TIMES + _EVENTS[event]
        if again or not self._doubles[number]:
            self._doubles[number] = when

    def row(self, pid: int) -> memoryview[int]:
        """A row of the table for this process: its own if it has one, else a free one, else one of a dead process.

        The search begins at the pid, so that two workers that start at the same moment do not meet. When all rows are
        taken the answer is a row that nobody sums up.
        """
        born = _processes.born(pid)
        for number in range(_WORKERS):
            row = self._row((pid + number) % _WORKERS)
            if row[PID] == 0 or row[PID] == pid or not _processes.alive(row[PID], row[BORN]):
                row[INFLIGHT] = row[REQUESTS] = row[WARM] = 0
                row[BORN] = born
                row[PID] = pid
                return row
        return private_row()

    def load(self) -> Load:
        """Requests in flight and served so far, over all living workers; what a killed worker left does not count."""
        inflight = requests = 0
        for row in self._rows():
            requests += row[REQUESTS]
            if row[INFLIGHT] and _processes.alive(row[PID], row[BORN]):
                inflight += row[INFLIGHT]
        return Load(inflight, requests)

    @property
    def unfinished(self) -> int:
        """Requests that have begun and not ended; those that a killed worker left do count."""
        return sum(row[INFLIGHT] for row in self._rows())

    def workers(self) -> Tuple[int, ...]:
        """The pids of the workers that serve now."""
        return tuple(row[PID] for row in self._rows() if _processes.alive(row[PID], row[BORN]))

    @property
    def warm(self) -> bool:
        """Whether as many workers as the master keeps are warm, and no worker that serves is not."""
        rows = [row[WARM] for row in self._rows() if _processes.alive(row[PID], row[BORN])]
        return len(rows) >= self.expected and all(rows)

    def _row(self, number: int) -> memoryview[int]:
        start = _FIRST + number * _ROW
        return self._words[start : start + _ROW]

    def _rows(self) -> Iterator[memoryview[int]]:
        words = self._words
        for start in range(_FIRST, _FIRST + _WORKERS * _ROW, _ROW):
            if words[start]:
                yield words[start : start + _ROW]


def made(folder: Optional[str], root: int, start: int, report: Callable[[str, Any], None]) -> Page:
    """A page, in a file of the folder if there is one.

    Where no file can be made, workers that do not inherit the page are servers of their own.
    """
    if folder is not None:
        try:
            return Page.shared(folder, root, start)
        except OSError as error:
            report("page", error)
    return Page()


def remove(folder: str, root: int, start: int) -> None:
    """Remove the file of a root's page; those who have it mapped keep it."""
    try:
        os.unlink(_path(folder, root, start))
    except OSError:
        pass  # it had none


def _path(folder: str, root: int, start: int) -> str:
    return os.path.join(folder, "%d-%d%s" % (root, start, _SUFFIX))


def private_row() -> memoryview[int]:
    """A row outside of any page, for a process that is no server."""
    row = memoryview(bytearray(_ROW * 8)).cast("Q")
    row[PID] = os.getpid()
    return row
