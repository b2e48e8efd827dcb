"""The serving side of one process, as the runtime sees it: roles, requests under way, stops.

A root is an exec'd process, a worker is forked or spawned under one; a single process is both. Workers share the page
that the root made when its first socket was bound.
"""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import time
from itertools import count
from typing import Any, Callable, List, Mapping, Optional

from ..core.rules import Lifecycle
from ..core.settings import Settings
from ..engines.base import Engine
from . import processes, signals
from .drain import Drain
from .membership import Membership
from .page import DELIVERED, DRAINING, IDLE, INFLIGHT, OFFLINE, REQUESTS, Limits, Page, private_row
from .registration import Listener, named_ports

_STATES = ("idle", "draining", "delivered", "offline")
_MARGIN_SECONDS = 5.0
"""How long after its deadline a drain by an operator is ended by any worker: the one that drove it died."""


class Server:
    """Requests call `enter`, `leave` and `draining`; signal handlers `gate`; the agent thread `tick`."""

    def __init__(
        self,
        settings: Settings,
        state_dir: Optional[str],
        open_engine: Callable[[], Engine],
        lifecycle: Callable[[], Lifecycle],
        report: Callable[[str, Any], None],
    ) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._member = Membership(settings, state_dir, open_engine, report)
        self._forked = processes.child_of_multiprocessing()
        self._root = os.getppid() if self._forked else os.getpid()
        self._born = processes.born(self._root)
        self._page: Optional[Page] = None
        self._maker = 0  # the process that made the page
        self._drain: Optional[Drain] = None
        self._gate: Optional[signals.Gate] = None
        self._ready: Optional[float] = None  # since when, monotonic
        self._calls: List[None] = []
        self._number = count(1).__next__
        self._row = private_row()
        self._flags = memoryview(bytes(1))

    @property
    def instance_id(self) -> Optional[str]:
        """The id under which this server registers; None while it has no socket."""
        return self._member.instance_id

    @property
    def serving(self) -> bool:
        """Whether this very process answers requests."""
        return self._ready is not None

    @property
    def draining(self) -> bool:
        """True from the first stop signal, or from ``offline``, on: responses end keep-alive."""
        return self._flags[0] != IDLE

    def enter(self) -> None:
        """A request begins."""
        calls, row = self._calls, self._row
        calls.append(None)
        row[INFLIGHT] = len(calls)
        row[REQUESTS] = self._number()

    def leave(self) -> None:
        """A request ended, with all of its response."""
        calls = self._calls
        if calls:
            calls.pop()
            self._row[INFLIGHT] = len(calls)

    def settle(self) -> None:
        """Write the count of requests in flight again.

        The length of the list is exact, for append and pop are single operations of the interpreter; but of two
        threads that write it down, the later one may write the older length.
        """
        self._row[INFLIGHT] = len(self._calls)

    def listening(self, address: str, port: int, protocol: str, tls: bool, keepalive: Optional[float]) -> None:
        """A hooked server bound a socket. A server in a side thread counts only if its port is named."""
        if not _in_main_thread() and port not in named_ports(self._settings):
            return
        if self._page is not None and self._maker != os.getpid():
            return  # the root said what this instance is; a worker's own socket is part of that
        known = self._member.listeners
        if all((other.address, other.port) != (address, port) for other in known):
            known.append(Listener(address, port, protocol, tls, keepalive))
        if self._page is None:
            self._become_server()

    def _become_server(self) -> None:
        if self._forked and not processes.alive(self._root, self._born):
            self._forked = False  # daemonised: the process that was exec'd is gone
            self._root = os.getpid()
            self._born = processes.born(self._root)
        self._page = Page()
        self._maker = os.getpid()
        self._flags = self._page.flags
        self._member.begin(self._root, self._born)
        self._arm()
        atexit.register(self._exit)
        if not self._forked and _in_main_thread():
            signals.adopt(self.gate)

    def _arm(self) -> None:
        """Each process of a server has its own drain and its own gate."""
        page = self._page
        if page is not None:
            self._drain = Drain(page, self._limits, self._tell, self.settle)
            self._gate = signals.Gate(self._drain, lambda: not self._forked)

    def forks(self) -> None:
        """This process is a master; its workers serve, so there is nothing to do before they say so."""

    def ready(self) -> None:
        """This process serves from now on."""
        page = self._page
        if page is None or self._ready is not None:
            return
        self._row = page.row(os.getpid())
        self._ready = time.monotonic()
        page.serving = True

    def gate(self, signum: int, *, echo: bool = False) -> bool:
        """A stop signal arrived; True: hold it. Not where nothing is served, nor in a worker of a root that serves."""
        gate, page = self._gate, self._page
        if gate is None or page is None or not page.serving or (self._forked and self._maker != os.getpid()):
            return False
        return gate(signum, echo=echo)

    def offline(self) -> None:
        """Drain and leave the registry without ending; lasts until the program is started anew."""
        if self._drain is not None:
            self._drain.offline()

    def tick(self, _now: float) -> None:
        """The agent thread's share: election, delay, registration, lease. Cheap when nothing is to be done."""
        page, ready = self._page, self._ready
        if page is None or ready is None:
            return
        self.settle()
        now = time.monotonic()
        if not page.registered or self._member.elected:
            page.limits = self._from_rules()
        if page.state == DRAINING and page.by_operator and now > page.deadline + _MARGIN_SECONDS:
            page.state = OFFLINE
        if page.state in (DELIVERED, OFFLINE):
            self._member.retire(page)
        else:
            self._member.keep(page, ready, now, self._delay(), alone=not self._forked)

    def _tell(self, state: Optional[str]) -> None:
        page = self._page
        if page is not None:
            self._member.tell(page, state)

    def _delay(self) -> float:
        delay = self._lifecycle().delay
        seconds: float = self._settings.values["REGISTER_DELAY"] if delay is None else delay
        return seconds

    def _from_rules(self) -> Limits:
        rule = self._lifecycle()
        seconds: float = self._settings.values["DRAIN_SECONDS"] if rule.drain_seconds is None else rule.drain_seconds
        return Limits(seconds, rule.drain_quiet, rule.drain_min)

    def _limits(self) -> Limits:
        page = self._page
        return (page.limits if page is not None else None) or self._from_rules()

    def status(self) -> Mapping[str, Any]:
        """This process and its instance, for ``GET /status``; requests are those of all workers.

        `reason` says why the instance is not registered. `ready`: registered, or never to be, or the store is down,
        for then the platform's own traffic must not wait for it.
        """
        page, member = self._page, self._member
        load = page.load() if page is not None else None
        joined = page is not None and (page.registered or page.unreachable or bool(self._settings.unregistered))
        return {
            "pid": os.getpid(),
            "role": "worker" if self._forked else "root",
            "listeners": [listener._asdict() for listener in member.listeners],
            "instance": member.instance_id,
            "registered": page is not None and page.registered,
            "ready": page is not None and joined and page.serving and page.state == IDLE,
            "draining": self.draining,
            "state": _STATES[page.state if page is not None else IDLE],
            "inflight": load.inflight if load is not None else len(self._calls),
            "requests": load.requests if load is not None else self._row[REQUESTS],
            "workers": list(page.workers()) if page is not None else [],
            "reason": member.reason(page),
            "drain_seconds": self._drain.took if self._drain is not None else None,
        }

    def before_fork(self) -> None:
        """In the parent, before any fork."""
        self._member.before_fork()

    def after_fork_parent(self) -> None:
        """In the parent, after it."""
        self._member.after_fork_parent()

    def after_fork_child(self) -> None:
        """A worker is born: it shares the page and nothing else."""
        self._forked = True
        self._ready = None
        self._calls = []
        self._row = private_row()
        self._member.after_fork_child()
        self._arm()
        signals.abandon()

    def _exit(self) -> None:
        """At the end of the process the root leaves the registry; so does the elected worker of a root that is gone."""
        page = self._page
        if page is None:
            return
        orphan = self._member.elected and not processes.alive(self._root, self._born)
        last = self._maker == os.getpid() or orphan
        if last and page.state in (IDLE, DRAINING):
            page.state = DELIVERED
        if page.state == DELIVERED:
            self._member.tell(page, None)
            self._member.retire(page)
        self._member.close(last=last)


def _in_main_thread() -> bool:
    threading = sys.modules.get("threading")
    return threading is None or threading.main_thread().ident == _thread.get_ident()
