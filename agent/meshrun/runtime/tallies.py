"""What this process counted of its calls to each instance, told to the store when the instance is gone, or we are.

A call costs nothing for that: how it ended is counted anyway, by instance and by outcome (`metrics.Counter.part`), and
the agent thread adds up.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import Callable, Dict, List, Mapping, Optional, Sized, Tuple, Union

from .. import _guard, _native
from ..core.model import Instance
from ..core.timeline import Calls
from ..engines.base import Engine, EngineError
from ..telemetry import metrics

ANSWERED, UNSENT, CANCELLED, FAILED = "answered", "unsent", "cancelled", "failed"
_OUTCOMES: Mapping[str, Tuple[str, str]] = {
    "cancelled": ("cancelled", CANCELLED),
    "withdrawn": ("cancelled", UNSENT),
    "dropped": ("unknown", CANCELLED),
    "error": ("error", FAILED),
    "unsent": ("unsent", UNSENT),
}
LOOK_SECONDS = 1.0
LINGER_SECONDS = 60.0
"""How long a call that is under way to an instance that is gone keeps its counts from being told."""
AGAIN_SECONDS = 10.0
"""After a store that failed."""
PATIENCE_SECONDS = 1.0
"""How long the store may take for all instances together; what is left over is told later, or not at all at the end."""
_MOST_PAST = 1000
_new_lock = _native.allocate_lock


def unanswered(error: Optional[BaseException], *, sent: bool) -> str:
    """What happened instead of a response, a key of `outcome`. `sent`: something may have reached the instance."""
    if error is not None and not isinstance(error, Exception):  # a cancelled task, a thrown greenlet, Ctrl-C
        return "cancelled" if sent else "withdrawn"
    return "error" if sent else "unsent"


def outcome(ended: Union[int, str]) -> Tuple[str, str]:
    """How a call ended, its status or `unanswered`: as the metric's label `result`, and for its instance."""
    if isinstance(ended, str):
        return _OUTCOMES[ended]
    return metrics.RESULTS.get(ended, "other"), ANSWERED


class Tallies:
    """The agent thread calls `look`, whoever ends the process `leave`."""

    def __init__(self, requests: metrics.Counter, open_engine: Callable[[], Engine]) -> None:
        self._requests = requests
        self._open_engine = open_engine
        self._begin()

    def _begin(self) -> None:
        self.caller = "%s-%d-%s" % (os.uname().nodename[:80], os.getpid(), os.urandom(4).hex())
        self._engine: Optional[Engine] = None
        self._lock = _new_lock()
        self._gone: Dict[str, float] = {}  # instance id -> when that was seen first, monotonic
        self._told: Dict[str, Calls] = {}
        self._past: Dict[str, Calls] = {}  # of instances that were gone so long that nothing is kept of their calls
        self._next = 0.0

    def forget(self) -> None:
        """In a forked child: what was counted so far is the parent's to tell."""
        for owner in self._requests.owners():
            self._requests.settle(owner)
        self._begin()

    @_guard.guarded(where="tallies")
    def look(self, now: float, known: Mapping[str, Instance], under_way: Mapping[str, Sized]) -> None:
        """Tell what was counted of instances that are gone; `now` is monotonic, `known` are those of the snapshot.

        Not while a call to one is under way, unless that lasts; what changes afterwards is told again.
        """
        if now < self._next or not self._lock.acquire(False):
            return
        self._next = now + LOOK_SECONDS
        deadline = monotonic() + PATIENCE_SECONDS
        try:
            for name in self._called(under_way):
                instance = known.get(name)
                if instance is not None and instance.alive:
                    self._gone.pop(name, None)
                    continue
                busy = len(under_way.get(name, ()))
                over = now - self._gone.setdefault(name, now) >= LINGER_SECONDS
                told = (over or not busy) and self._tell(name, self._counted(name, busy))
                if told and over and not busy and instance is None:
                    self._settle(name)
                if monotonic() > deadline:
                    break
        finally:
            self._lock.release()

    @_guard.guarded(where="tallies")
    def leave(self, under_way: Mapping[str, Sized], *, last: bool = True) -> None:
        """The process ends: tell everything, best effort. The calls that are under way are given up.

        `last` False: it may go on as well.
        """
        deadline = monotonic() + PATIENCE_SECONDS
        called = self._called(under_way)
        if not called or not self._lock.acquire(True, PATIENCE_SECONDS):
            return
        try:
            for name in called:
                busy = len(under_way.get(name, ()))
                counted = self._counted(name, busy)
                self._tell(name, counted._replace(cancelled=counted.cancelled + busy) if last else counted)
                if monotonic() > deadline:
                    break
        finally:
            self._lock.release()

    def _called(self, under_way: Mapping[str, Sized]) -> List[str]:
        """The ids of the instances that this process called."""
        busy = [name for name, calls in list(under_way.items()) if calls]
        return sorted({name for name, _ in self._requests.owners()}.union(busy))

    def _counted(self, name: str, under_way: int) -> Calls:
        owned = self._requests.owned
        answered, cancelled, failed = (owned((name, how)) for how in (ANSWERED, CANCELLED, FAILED))
        sent = answered + cancelled + failed + under_way
        counted = Calls(sent, answered, owned((name, UNSENT)), cancelled, failed)
        return counted.plus(self._past.get(name, Calls()))

    def _tell(self, name: str, calls: Calls) -> bool:
        """Whether the store has these numbers."""
        if calls != self._told.get(name, Calls()):
            try:
                if self._engine is None:
                    self._engine = self._open_engine()
                self._engine.tell(name, self.caller, calls)
            except EngineError as error:
                self._next = monotonic() + AGAIN_SECONDS
                _guard.report("store", error)
                return False
            self._told[name] = calls
        return True

    def _settle(self, name: str) -> None:
        """Keep no more than sums, in case that the instance comes back."""
        self._past.pop(name, None)
        self._past[name] = self._told.pop(name, Calls())
        for how in (ANSWERED, UNSENT, CANCELLED, FAILED):
            self._requests.settle((name, how))
        self._gone.pop(name, None)
        if len(self._past) > _MOST_PAST:
            del self._past[next(iter(self._past))]
