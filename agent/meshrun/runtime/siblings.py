"""The metrics of the whole instance: every process that serves is asked on its admin socket, and the answers added up.

Driven by the agent thread of the process that was asked, which never waits. Whoever does not answer in time counts with
what it said last, and so does one that has ended: a sum that fell would be read as a restart. The process that opens
the port next begins with a file that the one before has written beside the lock of the election.
"""

from __future__ import annotations

import json
import os
from time import monotonic
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, Optional

from .. import _processes
from ..lifecycle.starting import Target
from ..telemetry import sums
from . import sockets
from .answers import Answer, metrics
from .descriptor import Descriptor
from .visits import Visit

if TYPE_CHECKING:
    from .process import Process

SECONDS = 1.0
"""How long all of them together may take."""
MOST = 4 << 20
"""Bytes of one answer."""
_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_ENDED = "ended"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


class Siblings:
    """Asks all at once; whoever asks meanwhile gets the same answer."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._asked: Dict[str, Optional[Visit]] = {}  # by process; None: it cannot even be asked
        self._heard: Optional[Dict[str, sums.Values]] = None  # the counters of each process, as it said them last
        self._page: Optional[str] = None

    @property
    def _open(self) -> List[Visit]:
        return [visit for visit in self._asked.values() if visit is not None and not visit.over]

    @property
    def descriptors(self) -> List[Descriptor]:
        """Every descriptor of ours here."""
        return [visit.descriptor for visit in self._open]

    def wanted(self, events: Callable[[int, int], object]) -> None:
        """Say what to poll: ``events(number, mask)``."""
        for visit in self._open:
            events(visit.descriptor.number, visit.waits_for)

    def due(self, default: float) -> float:
        """When the time of those who have not answered is over, if that is before `default`; monotonic."""
        return min([default, *(visit.deadline for visit in self._open)])

    def answer(self, _: bytes) -> Optional[Answer]:
        """``GET /metrics`` of the instance; None: not all have answered yet."""
        if self._page is None and not self._asked:
            self._ask(monotonic() + SECONDS)
            self._finish()
        return metrics(self._page) if self._page is not None else None

    def step(self, ready: Mapping[int, int], now: float) -> None:
        """Go on with who is ready or out of time."""
        for visit in self._open:
            if visit.descriptor.number in ready or now >= visit.deadline:
                visit.step(now)
        if self._asked:
            self._finish()

    def forget(self) -> None:
        """Whoever waited has got the answer; the next one gets a new one."""
        self._page = None

    def close(self) -> None:
        """Give every connection back."""
        for visit in self._open:
            visit.close()
        self._asked = {}

    def _ask(self, until: float) -> None:
        for pid in self._process.server.status()["workers"]:
            if pid != os.getpid():
                self._asked[_key(pid)] = self._visit(pid, until)

    def _visit(self, pid: int, until: float) -> Optional[Visit]:
        folder = self._process.state_dir
        if folder is None:
            return None
        try:
            with sockets.reached(folder, "%d%s" % (pid, sockets.SUFFIX)) as path:
                visit = Visit(_REQUEST, Target(path, 0, False, ""), until, keep=MOST)
        except OSError:  # it ends, or begins
            return None
        if visit.peer != pid:  # of another container that shares the folder, or of another user
            visit.close()
            return None
        return visit

    def _finish(self) -> None:
        if self._open:
            return
        asked, self._asked = self._asked, {}
        own = sums.read(self._process.exposition())
        said = {_key(os.getpid()): own}
        for who, visit in asked.items():
            reading = _reading(visit)
            if reading is not None:
                said[who] = reading
        heard = self._kept()
        heard.update((who, reading.counters) for who, reading in said.items())
        gone = [who for who in heard if who not in asked and who not in said]
        if gone:
            heard[_ENDED] = sums.added([heard.pop(who) for who in gone])
        if len(heard) > 1 and not self._process.server.draining:
            self._keep(heard)
        kinds = {name: kind for reading in said.values() for name, kind in reading.kinds.items()}
        kinds["meshrun_processes"] = "gauge"
        numbers = {"yes": float(len(said)), "no": float(len(asked) + 1 - len(said))}
        self._page = sums.written(
            kinds,
            sums.added(heard.values()),
            sums.combined(reading.gauges for reading in said.values()),
            {'meshrun_processes{answered="%s"}' % word: number for word, number in numbers.items()},
        )

    def _kept(self) -> Dict[str, sums.Values]:
        """What was heard before, by this process or by the one that answered before it."""
        heard = self._heard
        if heard is None:
            heard = self._heard = {}
            path = self._process.server.counts
            if path is not None:
                try:
                    with open(path, encoding="utf-8") as stream:
                        heard.update(json.load(stream))
                except (OSError, ValueError):  # nobody has written one
                    pass
        return heard

    def _keep(self, heard: Mapping[str, sums.Values]) -> None:
        """For the process that answers next, should this one end."""
        path = self._process.server.counts
        if path is None:
            return
        try:
            with open(os.open(path + "~", _FLAGS, 0o600), "w", encoding="utf-8") as stream:
                json.dump(heard, stream)
            os.replace(path + "~", path)
        except OSError:  # no space: the sum begins anew with the next process
            pass


def _reading(visit: Optional[Visit]) -> Optional[sums.Reading]:
    """What a process said; None: nothing, or not all of it."""
    body = visit.body if visit is not None and visit.status == 200 else None
    try:
        return sums.read(body.decode("utf-8")) if body is not None else None
    except ValueError:
        return None


def _key(pid: int) -> str:
    return "%d-%d" % (pid, _processes.born(pid))
