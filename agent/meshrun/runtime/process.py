"""The live process: settings, engine, snapshot, server, agent thread, held together in one object.

Made at the first use of a hooked library, not before. `refresh` is the one place that reads the engine.
"""

from __future__ import annotations

import atexit
import os
import sys
from _random import Random
from _thread import get_ident
from itertools import count
from time import monotonic, time
from typing import Any, Callable, List, Mapping, Optional, Tuple

from .. import _applied, _guard, _main_thread, _native, _threads
from ..core.aperture import offset
from ..core.colour import routing
from ..core.index import Snapshot
from ..core.model import Pairs
from ..core.rules import EMPTY, RESERVED, Lifecycle
from ..core.settings import COLOURS, MODES, READS, ROUTES
from ..engines.base import Engine, EngineError, InstancesReading, RulesReading
from ..lifecycle.server import Server
from ..telemetry import metrics
from . import config, context, floors, places, trust
from .agent import Agent
from .headers import Headers, Incoming
from .inbound import Request
from .live import Live, labels
from .local import Local
from .modes import Modes
from .tallies import Tallies

INLINE_SECONDS = 1.0
"""How often a process without an agent thread (a master that forks workers) looks at the engine again."""
TIDY_SECONDS = 10.0


class Process:
    """Everything of ours in this process. Threads read its attributes; only `refresh` and `tick` publish new ones."""

    def __init__(self) -> None:
        self.settings, problems = config.read()
        self.service: Optional[str] = self.settings.service  # own service key
        self.caller = self.settings.caller
        self.tags = self.settings.tags
        for name, problem in problems:
            _guard.report(name, problem)
        self.state_dir = places.state_dir(self.settings["STATE_DIR"])
        self._user = os.geteuid()  # whose folder that is
        self.store, self.store_origin = places.store(self.settings)
        self.rules: Optional[RulesReading] = None
        self.instances: Optional[InstancesReading] = None
        self.live: Optional[Live] = None
        self.unmet: Optional[str] = None  # what keeps this process dormant whatever anybody says
        self.inline = True  # no agent thread: calls look at the engine themselves, at most once a second
        self.local = self._observer()
        self.draw: Callable[[], float] = Random(_seed()).random
        self.zone: Optional[str] = self.tags.get("zone")
        self.sidecar = any(name.startswith("ISTIO_META_") for name in os.environ)
        self.requests = metrics.Counter(metrics.REQUESTS, metrics.REQUEST_LABELS)
        self.colour_dropped = metrics.Counter("meshrun_colour_dropped_total", ("why",))
        self.colour_lost = metrics.Counter("meshrun_colour_lost_total", ("library",))
        context.lost_call = self.lost
        self.tallies = Tallies(self.requests, self.open_engine)
        self.headers = self._headers(RESERVED)
        if self.headers.unknown:
            unknown = ", ".join(sorted(set(self.headers.unknown)))
            _guard.report("MESHRUN_WIRE_READ, MESHRUN_WIRE_WRITE", "unknown dialect: %s" % unknown)
        self.trusts = trust.of(self.settings)
        self.server = Server(
            self.settings, self.state_dir, self.open_engine, self.lifecycle, _guard.report, _main_thread.soon
        )
        self.set_mode(self.settings["MODE"])
        self.agent = Agent(self)
        self.server.before_exit = self.agent.end
        self.modes = Modes(self)
        self._engine: Optional[Engine] = None
        self._looked = -INLINE_SECONDS
        self._fresh = 0.0  # when the engine last answered, monotonic
        self._tidied = 0.0
        self._reading = _native.allocate_lock()
        self._lane_labels: dict[Pairs, str] = {}
        # uWSGI forks without telling Python, and runs no thread unless it is told to: calls look for themselves there.
        self.forking = self._hosted = "uwsgi" in sys.modules
        self._pid = os.getpid()
        self._pausing = 0  # the thread that holds the reading while it forks
        self._ran = False  # whether the agent thread ran before the fork that is under way
        atexit.register(_guard.guarded(where="exit")(self.agent.leave))
        forking = _guard.guarded(where="fork")
        os.register_at_fork(
            after_in_parent=forking(self._in_parent),
            after_in_child=forking(self._in_child),
        )

    def set_mode(self, mode: str) -> None:
        """Switch what seams may do (the table in DESIGN 12)."""
        self.mode = mode
        self.reads = mode in READS
        self.colours = mode in COLOURS
        self.routes = mode in ROUTES and not self.sidecar
        self.server.sleep(not self.reads)

    def open_engine(self) -> Engine:
        """A new engine object on the store of this process."""
        from ..engines import open_engine  # noqa: PLC0415 -- only a process that uses the mesh pays for it

        return open_engine(self.store)

    def lifecycle(self) -> Lifecycle:
        """The `Lifecycle` document of the own service."""
        live = self.live
        return live.lifecycle(self.service) if live is not None else Lifecycle()

    def refresh(self) -> Optional[Live]:
        """Load for a call that finds no snapshot or no agent thread, at most once a second; start the thread."""
        if monotonic() - self._looked < INLINE_SECONDS:
            return self.live
        if self._pid != os.getpid():
            self._in_child()
        # Only the very first callers wait for each other; later ones go on with the snapshot that there is.
        if self._reading.acquire(self.live is None):
            try:
                if monotonic() - self._looked >= INLINE_SECONDS:
                    self.read()
                    self.modes.look(time())
                    self._looked = monotonic()
                    if not self.forking:
                        self.start()
            finally:
                self._reading.release()
        return self.live

    def start(self) -> None:
        """Start the agent thread."""
        if not self.agent.running:
            self.agent.start()
            self.inline = not self.agent.running

    def read(self) -> None:
        """Look at the engine and publish a new snapshot if anything changed. An engine that is down changes nothing."""
        try:
            if self._engine is None:
                self._engine = self.open_engine()
            rules = self._engine.rules(self.rules)
            instances = self._engine.instances(self.instances)
        except EngineError as error:
            _guard.report("store", error)
            return
        self._fresh = monotonic()
        if rules is self.rules and instances is self.instances and self.live is not None:
            return
        self._publish(rules, instances)

    def _publish(self, rules: RulesReading, instances: InstancesReading) -> None:
        if self.live is None and self.unmet is None:
            self.unmet = floors.unmet()
            if self.unmet is not None:
                _guard.report("dormant", self.unmet)
        if self.unmet is not None:
            return
        from ..core.compile import build  # noqa: PLC0415 -- as above

        old = self.live
        compiled = old.snapshot.rules if old is not None else EMPTY
        if rules is not self.rules:
            if rules.problem and (self.rules is None or rules.problem != self.rules.problem):
                _guard.report("rules", rules.problem)
            compiled = build(rules.documents, rules.version, compiled if old is not None else None)
            self.headers = self._headers(compiled.reserved_keys(self.settings["NAMESPACE"]))
        self.rules, self.instances = rules, instances
        self.live = Live(Snapshot(compiled, instances.instances, instances.vacancies), self.settings, old)
        self.local.place = self._place()
        if old is not None:
            self.local.moved(old.instances, self.live.instances)

    def _headers(self, reserved: Any) -> Headers:
        chosen = self.settings
        keys = frozenset(reserved) | {key.lower() for key in chosen["COLOUR_KEYS"]}
        return Headers(chosen["WIRE_READ"], chosen["WIRE_WRITE"], chosen["CARRY"], keys)

    def _place(self) -> Optional[Tuple[int, int]]:
        """Where this caller stands among the instances of its own service, for its arc of other services' rings."""
        own = self.server.instance_id
        live = self.live
        if own is None or live is None or self.service is None:
            return None
        fleet = sorted(i.id for i in live.snapshot.instances.get(self.service, ()) if i.alive)
        return (fleet.index(own), len(fleet)) if own in fleet else None

    def tick(self) -> None:
        """The work of the agent thread."""
        self.read()
        now = time()
        self.modes.look(now)
        self.server.tick(now)
        if self.live is not None:
            self.tallies.look(monotonic(), self.live.instances, self.local.inflight)
        if _applied.crash is not None:
            _applied.crash.look()
        if now - self._tidied > TIDY_SECONDS:
            self._tidied = now
            self.local.tidy(now, self.live.instances if self.live is not None else {})

    def counter(
        self, peer: Any, decision: Any, result: str, reason: str, owner: Optional[metrics.Owner] = None
    ) -> count[int]:
        """What counts outgoing calls that ended so; `owner`: as that instance's part of them."""
        label = target = ""
        if decision is not None:
            target = decision.target
            if decision.lane:
                label = self._lane_label(decision.lane)
        key = ("outbound", self.caller, peer.shown, label, target, result, reason)
        return self.requests.series(key) if owner is None else self.requests.part(owner, key)

    @_guard.positional(where="served")
    def served(self, request: Request, status: Optional[int]) -> None:
        """Count a served request."""
        live = self.live
        key = (request.colour, request.caller, status)
        counter = live.served.get(key) if live is not None else None
        if counter is None:
            counter = self._served(request, status)
            if live is not None:
                live.keep_served(key, counter)
        next(counter)

    def _served(self, request: Request, status: Optional[int]) -> count[int]:
        """What counts served requests like this one."""
        label = ""
        if request.colour:
            live = self.live  # the keys that are not reserved are a sender's free choice, and no lane
            reserved = RESERVED if live is None else live.snapshot.rules.reserved_keys(live.namespace)
            label = self._lane_label(routing(request.colour, reserved))
        result = metrics.RESULTS.get(status, "unknown") if status is not None else "unknown"
        return self.requests.series(("inbound", self.caller, request.caller or "", label, "", result, ""))

    def _lane_label(self, pairs: Pairs) -> str:
        known = self._lane_labels.get(pairs)
        if known is None:
            known = labels(dict(pairs))
            if len(self._lane_labels) < metrics.MAX_SERIES:
                self._lane_labels[pairs] = known
        return known

    def dropped(self, incoming: Incoming) -> None:
        """Count members of a colour that could not be read, or that others contradicted."""
        self._dropped("malformed", incoming.dropped)
        self._dropped("conflict", incoming.conflicts)

    def distrusted(self, incoming: Incoming) -> Incoming:
        """Count a colour that does not count, and forget who says that it calls. The colour is left to be ignored."""
        self._dropped("untrusted", len(incoming.colour))
        return incoming._replace(caller=None)

    def _dropped(self, why: str, number: int) -> None:
        if number:
            counter = self.colour_dropped.series((why,))
            for _ in range(min(number, 64)):
                next(counter)

    def lost(self, library: str) -> Pairs:
        """The colour of a mesh call whose thread or greenlet did not get that of the request that started it."""
        own = self.live.own_colour if self.live is not None else ()
        if not own:
            self.colour_lost.add((library,))
        return own

    def status(self) -> Mapping[str, Any]:
        """The process as ``GET /status`` shows it."""
        live = self.live
        seen = dict(self.server.status())
        seen.update(
            service=self.settings["SERVICE"],
            namespace=self.settings["NAMESPACE"],
            **self.modes.status(time()),
            rules_version=live.snapshot.rules.version if live is not None else 0,
            rules_problem=self.rules.problem if self.rules is not None else None,
            store=self.store,
            store_origin=self.store_origin,
            not_mesh=[list(item) for item in live.not_mesh()] if live is not None else [],
            hooks=dict(_applied.states),
            early=list(_applied.early),
            errors=dict(_guard.errors),
            command=_command(),
            **self.agent.addresses,
        )
        return seen

    def exposition(self) -> str:
        """The page of ``GET /metrics``."""
        live = self.live
        seen = self.server.status()
        gauges = {
            "meshrun_rules_version": float(live.snapshot.rules.version if live is not None else 0),
            "meshrun_snapshot_age_seconds": max(0.0, monotonic() - self._fresh),
            "meshrun_inflight": float(seen.get("inflight", 0)),
            "meshrun_mode": float(MODES.index(self.mode)),
            "meshrun_kill_switch": float(self.modes.killed),
            "meshrun_young_deaths": float(self.modes.deaths),
            "meshrun_drain_seconds": float(seen.get("drain_seconds") or 0.0),
        }
        page = metrics.exposition([self.requests, self.colour_dropped, self.colour_lost], gauges)
        errors: List[str] = ["# TYPE meshrun_agent_errors_total counter"]
        errors += [
            metrics.sample("meshrun_agent_errors_total", n, {"where": w}) for w, n in list(_guard.errors.items())
        ]
        return page + "\n".join(errors) + "\n"

    def fork_master(self, *, spawns: bool) -> None:
        """This process will fork workers, or spawn them: no thread here."""
        self.forking = True
        self.agent.stop()
        self.inline = True
        self._become()
        self.server.forks(spawns=spawns)

    def ready(self) -> None:
        """This process serves now."""
        self.forking = False
        self._become()
        self.refresh()
        self.server.ready()
        self.start()

    def _become(self) -> None:
        """A program that began as root may be another user by now, who cannot use the folder of root."""
        if os.geteuid() != self._user:
            self._user = os.geteuid()
            self.state_dir = places.state_dir(self.settings["STATE_DIR"], became=True)
            self.server.moves(self.state_dir)

    def stopped(self) -> None:
        """This process serves no more; what ends now, may end without a word."""
        self.server.stopped()
        self.tallies.leave(self.local.inflight, last=False)

    def before_fork(self) -> None:
        """No thread of ours may run, and none of the app's be inside a reading: it would never end in the child."""
        if self._reading.acquire(True, 2.0):
            self._pausing = get_ident()
        self._ran = self.agent.running
        self.agent.stop()
        self.server.before_fork()

    def _in_parent(self) -> None:
        if self._pausing == get_ident():
            self._pausing = 0
            self._reading.release()
        self.inline = True
        self.server.after_fork_parent()
        if (self.server.serving and not self.forking) or self._dozes():
            _threads.after_fork(self.start)

    def _dozes(self) -> bool:
        """Whether no seam is in that would start the thread: then it must run for the process ever to wake."""
        return self.modes.out and self._ran

    def _in_child(self) -> None:
        self._pausing = 0
        self.inline = True
        self._reading = _native.allocate_lock()
        self._looked = -INLINE_SECONDS
        self.forking = self._hosted
        self._pid = os.getpid()
        self.draw = Random(_seed()).random
        self.agent.forget()
        if self._engine is not None:
            self._engine.reopen()
        self.local = self._observer()
        self.tallies.forget()
        if self.live is not None:
            self.live.legs = {}  # they count the parent's calls
        self.modes.after_fork()
        self.server.after_fork_child()
        if self._dozes():
            self.start()

    def _observer(self) -> Local:
        return Local(
            self.settings["WARMUP_SECONDS"], offset(self.service or "%s:%d" % (os.uname().nodename, os.getpid()))
        )


def _seed() -> int:
    return int.from_bytes(os.urandom(16), "little")


def _command() -> str:
    """The command line of this process, for people."""
    try:
        with open("/proc/self/cmdline", "rb") as stream:
            words = stream.read(4096).split(b"\0")
    except OSError:
        return ""
    return b" ".join(words).decode("utf-8", "replace").strip()
