"""The serving side of one process, as the runtime sees it: roles, requests under way, stops.

A root is an exec'd process, a worker is forked or spawned under one; a single process is both. Workers share the page
that the root made when its first socket was bound: they inherit it, or find it by the root's pid.
"""

from __future__ import annotations

import atexit
import os
import time
from typing import Any, Callable, Mapping, Optional, Tuple

from .. import _processes
from ..core.rules import Lifecycle
from ..core.settings import Settings
from ..engines.base import Engine
from . import page as pages
from . import signals
from .drain import Drain
from .hold import Hold
from .membership import Membership
from .page import DELIVERED, DRAINING, IDLE, OFFLINE, REQUESTS, Limits, Page, private_row
from .registration import Listener, named_ports
from .requests import Requests
from .starting import Starting
from .threads import here, is_main, main
from .wishes import Wishes

_STATES = ("idle", "draining", "delivered", "offline")
_MARGIN_SECONDS = 5.0
"""How long after its deadline a drain by an operator is ended by any worker: the one that drove it died."""


def _nothing(*_: object) -> None:
    """For a server whose process has no way to ask its main thread, and one that nobody ticks."""


class Server(Requests):
    """Requests call `enter`, `leave` and `draining`; signal handlers `gate`; the agent thread `tick`."""

    def __init__(
        self,
        settings: Settings,
        state_dir: Optional[str],
        open_engine: Callable[[], Engine],
        lifecycle: Callable[[], Lifecycle],
        report: Callable[[str, Any], None],
        ask_main_thread: Callable[[Callable[[], object]], object] = _nothing,
    ) -> None:
        super().__init__()
        self._settings = settings
        self.named = named_ports(settings)
        self._report = report
        self._ask_main_thread = ask_main_thread
        self._wishes = Wishes(settings, lifecycle)
        self._member = Membership(settings, state_dir, open_engine, report)
        self.starting = Starting(settings, self._member.listeners)
        self._forked = _processes.child_of_multiprocessing()
        self._root = os.getppid() if self._forked else os.getpid()
        self._born = _processes.born(self._root)
        self._maker = 0  # the process that made the page
        self._drain: Optional[Drain] = None
        self._gate: Optional[signals.Gate] = None
        self._hold: Optional[Hold] = None  # in a worker
        self._spawns = False  # its workers do not inherit the page
        self._deserted = False  # in a worker: its root forked it without a handler of its own for SIGTERM
        self._ready: Optional[float] = None  # since when, monotonic
        self._asleep = False
        self._armed = False
        self.before_exit: Callable[[], object] = _nothing  # ends the thread that calls `tick`, tells last numbers

    @property
    def instance_id(self) -> Optional[str]:
        """The id under which this server registers; None while it has no socket."""
        return self._member.instance_id

    @property
    def counts(self) -> Optional[str]:
        """See `Membership.counts`."""
        return self._member.counts

    @property
    def serving(self) -> bool:
        """Whether this very process answers requests."""
        return self._ready is not None

    def speaks(self) -> bool:
        """Whether this process opens what an instance has one of: the elected one; any, where nobody can be elected."""
        return self.serving and (
            self._member.folder is None or self._member.is_elected(time.monotonic(), alone=not self._forked)
        )

    @property
    def holds(self) -> bool:
        """Whether a stop signal is held, or was held and is being delivered."""
        page = self._page
        return page is not None and page.state in (DRAINING, DELIVERED) and not page.by_operator

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
        if not is_main(thread or here()) and port not in self.named:
            return
        served = Listener(address, port, protocol, tls, keepalive)
        if root is not None and self._page is None:
            self._forked, self._root, self._born = True, root, _processes.born(root)
        if self._page is None:
            self._find_page()
        elif self._inherited:  # the root said what this instance is; a worker's own socket is part of that
            self._member.know(served)
            return
        if self._ours_alone and self._page is not None and self._page.state == DELIVERED:
            self._begin_anew(self._page)
        known = self._member.listeners
        if all(other[:2] != served[:2] for other in known):
            known.append(served)
        if self._gate is None:
            self._become_server(late=thread is not None)

    def _find_page(self) -> None:
        if self._forked and self._member.folder is not None and _processes.alive(self._root, self._born):
            self._page, self._maker = Page.found(self._member.folder, self._root, self._born), 0

    @property
    def _inherited(self) -> bool:
        """Whether this process got the page by a fork, and knows by it what the instance is."""
        return self._page is not None and self._forked and self._maker not in (0, os.getpid())

    @property
    def _ours_alone(self) -> bool:
        """Whether this process is all there is of the server."""
        return not self._forked and self._maker == os.getpid()

    def _begin_anew(self, page: Page) -> None:
        """The server that was stopped is gone, and the program goes on with another: an instance of its own."""
        self._member.retire(page)
        self._member.close(last=True)
        self._member.listeners.clear()
        self._page = self._ready = self._drain = self._gate = self._hold = None
        self._flags = memoryview(bytes(1))
        self._row = private_row()
        self._armed = False
        atexit.unregister(self._exit)

    def _goes_on(self, page: Page) -> None:
        """The program had its signal, and did not end by it: what serves on is an instance of its own."""
        known = list(self._member.listeners)
        self._begin_anew(page)
        for listener in known:
            self.listening(*listener, thread=main())
        self.ready()

    def stopped(self) -> None:
        """The server has closed its sockets of its own accord: nothing is left that a signal could wait for."""
        page, drain = self._page, self._drain
        if not self._ours_alone or page is None or drain is None:
            return
        if page.state == IDLE:
            drain.at_once()
        drain.closed()
        if page.state == DELIVERED:
            self._flags = memoryview(bytes(1))  # what is answered from now on, is not by the server that was stopped
            self._member.exits(page, asleep=self.asleep)

    def _become_server(self, *, late: bool) -> None:
        """`late`: the server began before us, and another thread found it."""
        if self._forked and not _processes.alive(self._root, self._born):
            self._forked = False  # daemonised: the process that was exec'd is gone
            self._root = os.getpid()
            self._born = _processes.born(self._root)
        if self._page is None:
            self._page = pages.made(self._member.folder if self._spawns else None, self._root, self._born, self._report)
            self._maker = os.getpid()
        self._flags = self._page.flags
        self._member.begin(self._page, self._root, self._born)
        self._arm()
        atexit.register(self._exit)
        if self._hold is None and (late or is_main(here()) or not signals.adopted()):
            self._arm_soon()

    def _arm_soon(self) -> None:
        if is_main(here()):
            self.arm()
        else:
            self._ask_main_thread(self.arm)

    def arm(self) -> None:
        """Let the stop signals pass our gate, once; does nothing outside of the main thread, or while asleep."""
        if self._armed or self._page is None or self._asleep or not is_main(here()):
            return
        self._armed = True
        if not self._forked or self.serving:
            signals.adopt(self.gate, self.leaves)
        signals.gate_what_stands()

    def _arm(self) -> None:
        """Each process of a server has its own drain and its own gate."""
        page = self._page
        if page is not None:
            self._drain = Drain(page, lambda: self._limits(page), self._tell, self.settle)
            self._gate = signals.Gate(self._drain, lambda: not self._forked)
            self._hold = Hold(page, self._root, self._born) if self._maker != os.getpid() else None

    def _limits(self, page: Page) -> Limits:
        return page.limits or self._wishes.limits

    def moves(self, folder: Optional[str]) -> None:
        """See `Membership.moves`."""
        self._member.moves(folder)

    def forks(self, *, spawns: bool = False) -> None:
        """This process is a master, whose workers serve. `spawns`: they begin with an interpreter of their own."""
        self._spawns = self._spawns or spawns

    def keeps(self, workers: int, ignores: Tuple[int, ...]) -> None:
        """This process is a master that has bound its sockets, and keeps so many workers. `ignores`: see `Gate`."""
        if self._page is not None and self._gate is not None:
            self._page.expected = workers
            self._gate.ignored = ignores

    def signals(self, pid: int) -> None:
        """This process is about to send a stop signal to that one, which holds none of its own instance's."""
        if self._page is not None:
            self._page.write_ticket(pid)

    def ready(self) -> None:
        """This process serves from now on."""
        page = self._page
        if page is None or self._ready is not None:
            return
        self._row = page.row(os.getpid())
        self._ready = time.monotonic()
        page.serving = True
        page.asleep = self._asleep
        if self._hold is not None:
            self._arm_soon()  # a worker with no handler of its own gets ours now that it serves

    def gate(self, signum: int, *, echo: bool = False) -> bool:
        """A stop signal arrived; True: hold it. Not where nothing is served."""
        gate, page = self._gate, self._page
        if gate is None or page is None or not page.serving or (self.asleep and page.state == IDLE):
            return False
        if self._hold is not None:
            return self.serving and self._hold(signum, echo=echo)
        return gate(signum, echo=echo)

    def leaves(self) -> bool:
        """The process dies by a stop signal, without any handler of the program. Whether it has served."""
        if self._drain is not None:
            self._drain.left()
            self.before_exit()
        if self._page is not None and self._maker == os.getpid():
            self._member.exits(self._page, asleep=self.asleep)
        return self._page is not None

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
            page.limits = self._wishes.limits
        if page.state == DRAINING and page.by_operator and 0 < page.deadline < now - _MARGIN_SECONDS:
            page.state = OFFLINE
        if page.state == DRAINING:
            self.lasting.part(now, self._limits(page), page.deadline)
        if page.state != IDLE or self._asleep:
            self.starting.rest()
        if page.state in (DELIVERED, OFFLINE):
            self._member.retire(page)
            if self._ours_alone and self._drain is not None and self._drain.survived(self._member.listeners[0].port):
                self._goes_on(page)
        elif self._asleep:
            self._member.withdraw(page, now, alone=not self._forked)
        else:
            allowed = self.starting.allows(page, self._row, self._wishes.lifecycle, ready, now)
            self._member.keep(page, now, self._wishes.warmup, alone=not self._forked, allowed=allowed)
        if not self._asleep:
            self._member.write(page, now)

    def _tell(self, state: Optional[str]) -> None:
        page = self._page
        if page is None:
            return
        self._member.tell(page, state)
        if state is None and page.state == DELIVERED and self._maker == os.getpid():
            self._member.close(last=True)  # a program without a handler ends by the signal, with nothing at exit

    def status(self) -> Mapping[str, Any]:
        """This process and its instance, for ``GET /status``; requests are those of all workers.

        `reason` says why the instance is not registered. `ready`: registered, or never to be, or the store is down,
        for then the platform's own traffic must not wait for it. `outlives_root`: SIGTERM to the root alone ends that,
        and leaves this worker to serve.
        """
        page, member = self._page, self._member
        load = page.load() if page is not None else None
        joined = self._asleep or member.joined(page)
        asleep = self._asleep and not (page and page.registered)
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
            "reason": "dormant" if asleep else member.reason(page, self.starting.waits),
            "drain_seconds": self._drain.took if self._drain is not None else None,
            "outlives_root": self._outlives_root,
        }

    @property
    def _outlives_root(self) -> bool:
        """Whether nobody ends this worker with its root. One of multiprocessing may be ended by handlers set later."""
        kept = self._page is not None and self._page.expected > 0
        return kept and self._deserted and not _processes.child_of_multiprocessing()

    def before_fork(self) -> None:
        """In the parent, before any fork."""
        self._member.before_fork()

    def after_fork_parent(self) -> None:
        """In the parent, after it."""
        self._member.after_fork_parent()

    def after_fork_child(self) -> None:
        """A worker is born: it shares the page and nothing else."""
        self._forked = True
        self._maker = self._maker or os.getppid()  # a worker found its page: what it forks inherits that
        self._ready = None
        self.starting.rest()
        self._armed = False
        self.begin()
        self._member.after_fork_child()
        self._arm()
        self._deserted = signals.abandon()

    def _exit(self) -> None:
        """At the end of the process the root leaves the registry; so does the elected worker of a root that is gone."""
        page = self._page
        if page is None:
            return
        self.before_exit()
        orphan = self._member.elected and not _processes.alive(self._root, self._born)
        last = self._maker == os.getpid() or orphan
        if last and page.state in (IDLE, DRAINING):
            page.state = DELIVERED
        if page.state == DELIVERED:
            self._member.tell(page, None)
            self._member.retire(page)
        if last:
            self._member.exits(page, asleep=self.asleep)
        self._member.close(last=orphan or (last and not self._forked))
        if self._spawns and last and self._member.folder is not None:
            pages.remove(self._member.folder, self._root, self._born)
