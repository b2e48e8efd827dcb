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


def _nobody(_function: Callable[[], object]) -> None:
    """For a server whose process has no way to ask its main thread."""


def _nothing() -> None:
    """For a server that nobody ticks."""


class Server:
    """Requests call `enter`, `leave` and `draining`; signal handlers `gate`; the agent thread `tick`."""

    def __init__(
        self,
        settings: Settings,
        state_dir: Optional[str],
        open_engine: Callable[[], Engine],
        lifecycle: Callable[[], Lifecycle],
        report: Callable[[str, Any], None],
        ask_main_thread: Callable[[Callable[[], object]], object] = _nobody,
    ) -> None:
        self._settings = settings
        self._ask_main_thread = ask_main_thread
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
        self._asleep = False
        self._armed = False
        self.before_exit: Callable[[], object] = _nothing  # ends the thread that calls `tick`

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

    @property
    def holds(self) -> bool:
        """Whether a stop signal is held, or was held and is being delivered."""
        page = self._page
        return page is not None and page.state in (DRAINING, DELIVERED) and not page.by_operator

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

    @property
    def asleep(self) -> bool:
        """Whether the mode leaves this instance alone: nothing is registered, no signal is held."""
        said = self._page.asleep if self._page is not None else None
        return self._asleep if said is None else said

    @property
    def ordered(self) -> Optional[int]:
        """See `Page.ordered`; None: there is no instance."""
        return self._page.ordered if self._page is not None else None

    @ordered.setter
    def ordered(self, number: int) -> None:
        if self._page is not None:
            self._page.ordered = number

    def sleep(self, asleep: bool) -> None:
        """The mode says whether this process takes part. What a worker says holds for a root that asks nobody."""
        woken, self._asleep = self._asleep and not asleep, asleep
        self._armed = self._armed and not asleep  # our handlers may go meanwhile
        if woken and self._page is not None:
            self._ask_main_thread(self.arm)
        if self._page is not None and self._ready is not None:
            self._page.asleep = asleep

    def listening(
        self, address: str, port: int, protocol: str, tls: bool, keepalive: Optional[float],
        *, thread: Optional[int] = None, root: Optional[int] = None,
    ) -> None:  # fmt: skip
        """A hooked server bound a socket. A server in a side thread counts only if its port is named.

        `thread`: the ident of the thread that serves, if it is not this one; `root`: the pid of the process that forked
        this one before anything of the runtime was there.
        """
        if not _is_main(thread or _thread.get_ident()) and port not in named_ports(self._settings):
            return
        if root is not None and self._page is None:
            self._forked, self._root, self._born = True, root, processes.born(root)
        if self._page is not None and self._maker != os.getpid():
            return  # the root said what this instance is; a worker's own socket is part of that
        if self._ours_alone and self._page is not None and self._page.state == DELIVERED:
            self._begin_anew(self._page)
        known = self._member.listeners
        if all((other.address, other.port) != (address, port) for other in known):
            known.append(Listener(address, port, protocol, tls, keepalive))
        if self._page is None:
            self._become_server(late=thread is not None)

    @property
    def _ours_alone(self) -> bool:
        """Whether this process is all there is of the server."""
        return not self._forked and self._maker == os.getpid()

    def _begin_anew(self, page: Page) -> None:
        """The server that was stopped is gone, and the program goes on with another: an instance of its own."""
        self._member.retire(page)
        self._member.close(last=True)
        self._member.listeners.clear()
        self._page = self._ready = self._drain = self._gate = None
        self._flags = memoryview(bytes(1))
        self._row = private_row()
        self._armed = False
        atexit.unregister(self._exit)

    def stopped(self) -> None:
        """The server has closed its sockets of its own accord: nothing is left that a signal could wait for."""
        page, drain = self._page, self._drain
        if not self._ours_alone or page is None or drain is None:
            return
        if page.state == IDLE:
            drain.at_once()
        if page.state == DELIVERED:
            self._flags = memoryview(bytes(1))  # what is answered from now on, is not by the server that was stopped

    def _become_server(self, *, late: bool) -> None:
        """`late`: the server began before us, and another thread found it."""
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
        if _is_main(_thread.get_ident()):
            self.arm()
        elif late:
            self._ask_main_thread(self.arm)

    def arm(self) -> None:
        """Let the stop signals pass our gate, once; does nothing outside of the main thread, or while asleep."""
        if self._armed or self._page is None or self._asleep or not _is_main(_thread.get_ident()):
            return
        self._armed = True
        if not self._forked:
            signals.adopt(self.gate)
        signals.gate_what_stands()

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
        page.asleep = self._asleep

    def gate(self, signum: int, *, echo: bool = False) -> bool:
        """A stop signal arrived; True: hold it. Not where nothing is served, nor in a worker of a root that serves."""
        gate, page = self._gate, self._page
        if gate is None or page is None or not page.serving or (self._forked and self._maker != os.getpid()):
            return False
        if self.asleep and page.state == IDLE:
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
        elif self._asleep:
            self._member.withdraw(page, now, alone=not self._forked)
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
        joined = joined or self._asleep
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
            "reason": "dormant" if self._asleep and not (page and page.registered) else member.reason(page),
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
        self.before_exit()
        orphan = self._member.elected and not processes.alive(self._root, self._born)
        last = self._maker == os.getpid() or orphan
        if last and page.state in (IDLE, DRAINING):
            page.state = DELIVERED
        if page.state == DELIVERED:
            self._member.tell(page, None)
            self._member.retire(page)
        self._member.close(last=orphan or (last and not self._forked))


def _is_main(thread: int) -> bool:
    threading = sys.modules.get("threading")
    return threading is None or threading.main_thread().ident == thread
