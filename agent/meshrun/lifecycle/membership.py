"""An instance in the registry, as one of its processes sees it: who registers it, when, in which state, how long.

Every worker of the instance asks in turn; the elected one registers, renews the lease and follows the shared page. The
root, which may have no agent thread, says the states of a stop itself.
"""

from __future__ import annotations

import time
from typing import Any, Callable, List, Mapping, Optional, Tuple

from ..core.model import DRAINING as SAID_DRAINING
from ..core.model import READY, Instance
from ..core.settings import Settings
from ..core.timeline import BOUND, DEREGISTERED, EXIT, RAMPED, REGISTERED, Timeline
from ..engines.base import Engine
from .election import Election
from .page import DRAINING, IDLE, Page
from .registration import Listener, Registration, instance_id, instances

_ELECTION_SECONDS = 1.0
_NOTE_SECONDS, _NOTE_AGAIN_SECONDS = 1.0, 10.0  # between two writings of the timeline, and after one that failed
_STATES = ("idle", "draining", "stopped", "offline")


class Membership:
    """The records of one server, from this process. `page` is the shared page of the server."""

    def __init__(
        self,
        settings: Settings,
        folder: Optional[str],
        open_engine: Callable[[], Engine],
        report: Callable[[str, Any], None],
    ) -> None:
        self._settings = settings
        self.folder = folder
        self._report = report
        self._registration = Registration(open_engine, report)
        self._name = ""  # of this instance's files in the state folder; empty: there is no instance
        self._election: Optional[Election] = None
        self._asked = 0.0
        self._withdrawn = 0.0  # not to be tried again before, monotonic
        self._written: Tuple[Mapping[str, float], int] = ({}, 0)  # what the registry has of the timeline
        self._next_note = 0.0
        self.elected = False
        self.listeners: List[Listener] = []
        self.instance_id: Optional[str] = None

    @property
    def counts(self) -> Optional[str]:
        """Where the counts of all workers are kept for the next one that answers for them; None: nowhere."""
        return self._election.counts if self._election is not None else None

    def begin(self, page: Page, root: int, born: int) -> None:
        """The server has its first socket. `root`, `born`: the process under which its workers live."""
        port = self.listeners[0].port
        page.identity = self.instance_id = page.identity or instance_id(port)
        page.note(BOUND, time.time())
        self._written = ({}, 0)
        self._name = "%d-%d-%d" % (root, born, port)
        self.moves(self.folder)

    def moves(self, folder: Optional[str]) -> None:
        """The workers agree in that state folder: this process may have become another user, who has another one."""
        self.folder = folder
        self._election = Election(folder, self._name) if folder is not None and self._name else None

    def know(self, served: Listener) -> None:
        """A worker says how a socket is served that its root has bound, maybe without knowing that."""
        self.listeners[:] = [served if served[:2] == bound[:2] else bound for bound in self.listeners]

    def keep(self, page: Page, now: float, warmup: float, *, alone: bool, allowed: bool) -> None:
        """Register once that is `allowed`, and stay registered; `now` is monotonic. `alone`: no rivals.

        `warmup`: for how many seconds callers ramp the instance up.
        """
        if self._settings.unregistered or not self.is_elected(now, alone=alone):
            return
        if not page.registered:
            if page.state != IDLE or not allowed:
                return
            page.started = page.started or time.time()  # one that comes back from a pause is warm
        slot = self._registration.keep(self._records(page), now)
        if slot is not None:
            page.slot = slot
            page.registered = True
            page.note(REGISTERED, time.time())
        if page.registered and 0 < warmup <= time.time() - page.started:
            page.note(RAMPED, max(page.started + warmup, page.when(REGISTERED)))  # a write may take longer than that
        page.unreachable = self._registration.problem is not None

    def is_elected(self, now: float, *, alone: bool) -> bool:
        """Whether this process registers the instance; one that does not yet asks again after a second."""
        if alone:
            self.elected = True
        elif not self.elected and self._election is not None and now - self._asked >= _ELECTION_SECONDS:
            self._asked = now
            try:
                identity = self._election.won(self.instance_id or "")
            except OSError as error:
                self._report("election", "%s: %s" % (self.folder, error))
                return False
            self.elected = identity is not None
            self.instance_id = identity or self._election.holder or self.instance_id
        return self.elected

    def tell(self, page: Page, state: Optional[str]) -> None:
        """Say a state of the stop, or leave the registry (None). Any process of the server may."""
        if not page.registered:
            return
        if state is None:
            if self._registration.remove(self._records(page)):
                page.registered = False
                page.note(DEREGISTERED, time.time())
        elif page.state == DRAINING and self._registration.mark(self._records(page)):
            page.note(DEREGISTERED, time.time())
        self._write(page)

    def exits(self, page: Page, *, asleep: bool) -> None:
        """The last process of the instance ends now. `asleep`: the mode leaves it alone."""
        if not asleep:
            page.note(EXIT, time.time())
            self._write(page)

    def write(self, page: Page, now: float) -> None:
        """Let the registry have what happened since the last time; `now` is monotonic."""
        if self.elected and now >= self._next_note:
            self._next_note = now + (_NOTE_SECONDS if self._write(page) else _NOTE_AGAIN_SECONDS)

    def _write(self, page: Page) -> bool:
        events, begun = page.times, page.load().requests
        ended = max(0, begun - page.unfinished)
        news = (events, ended if EXIT in events else 0)  # the end may be said twice: the last numbers hold
        records = self._records(page) if news != self._written else ()
        if not records or self._registration.problem is not None:
            return True
        first = records[0]
        timeline = Timeline(first.id, first.service, first.address, first.port, events, ended, begun)
        if not self._registration.note(timeline):
            return False
        self._written = news
        return True

    def withdraw(self, page: Page, now: float, *, alone: bool) -> None:
        """Leave the registry while the instance serves on; `keep` registers it again. Tried once a second."""
        if now < self._withdrawn or not self.is_elected(now, alone=alone):
            return
        if (page.registered or self._registration.holds) and not self._registration.remove(self._records(page)):
            self._withdrawn = now + _ELECTION_SECONDS
            return
        page.registered = False

    def retire(self, page: Page) -> None:
        """The instance has left for good: undo a renewal of ours that crossed with that."""
        if self._registration.holds and self._registration.remove(self._records(page)):
            page.registered = False

    def _records(self, page: Page) -> Tuple[Instance, ...]:
        state = READY if page.state == IDLE else SAID_DRAINING
        identity = self.instance_id or ""
        return instances(self._settings, self.listeners, identity, page.started, page.slot, state)

    def joined(self, page: Optional[Page]) -> bool:
        """Whether nothing has to be waited for: registered, or never to be, or the store is down."""
        return page is not None and (page.registered or page.unreachable or bool(self._settings.unregistered))

    def reason(self, page: Optional[Page], start: str) -> Optional[str]:
        """Why the instance is not registered; None: it is. `start`: what the start of this worker waits for."""
        if page is not None and page.registered:
            return None
        if page is not None and page.state != IDLE:
            return _STATES[page.state]
        if self._settings.unregistered:
            return self._settings.unregistered
        if page is None or not page.serving:
            return "no hooked server listens" if page is None else "not ready yet"
        if page.unreachable:
            return self._registration.problem or "the worker that registers cannot reach the store"
        return self._waiting(start)

    def _waiting(self, start: str) -> str:
        if start or self.elected:
            return start or "waiting until every worker is warm"
        if self.folder is None:
            return "no state folder, where workers agree which of them registers (MESHRUN_STATE_DIR)"
        return "waiting for the worker that registers"

    def before_fork(self) -> None:
        """No thread of ours is inside the engine while a child is made."""
        self._registration.wait()

    def after_fork_parent(self) -> None:
        """The parent goes on."""
        self._registration.go_on()

    def after_fork_child(self) -> None:
        """The child is nobody yet; what the parent holds stays the parent's."""
        self.elected = False
        self._asked = 0.0
        self._written = ({}, 0)
        self._registration.forget()
        if self._election is not None:
            self._election.resign()

    def close(self, *, last: bool) -> None:
        """The process ends; `last`: so does the instance."""
        if self._election is not None:
            if last:
                self._election.remove()
            else:
                self._election.resign()
