"""What an instance registers, and keeping it in the registry: lease, state, removal."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .. import _native
from ..core.model import Instance
from ..core.settings import Settings
from ..core.timeline import Timeline
from ..engines.base import Engine, EngineError
from .addresses import reachable

LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
RETRY_SECONDS = 1.0
_PATIENCE = 2.0  # seconds to wait for another thread of ours that talks to the engine; engines block for one at most
_new_lock = _native.allocate_lock


class Listener(NamedTuple):
    """A bound socket of a hooked server."""

    address: str
    port: int
    protocol: str
    tls: bool
    keepalive: Optional[float]  # seconds; None: not known


def instance_id(port: int) -> str:
    """A new id: readable for people, unique without coordination, safe as a file name and in a URL."""
    host = "".join(c if c.isascii() and (c.isalnum() or c in "-.") else "-" for c in os.uname().nodename)[:80]
    return "%s-%d-%s" % (host or "host", port, os.urandom(4).hex())


def chosen(settings: Settings, listeners: Sequence[Listener]) -> Mapping[str, int]:
    """Protocol -> port to register: the first bound of each protocol, ``MESHRUN_PORT``, then ``MESHRUN_PORTS``."""
    ports: Dict[str, int] = {}
    for listener in listeners:
        ports.setdefault(listener.protocol, listener.port)
    named: Optional[int] = settings.values["PORT"]
    if named is not None and listeners:
        ports[listener_of(listeners, named, listeners[0].protocol).protocol] = named
    ports.update(settings.values["PORTS"])
    return ports


def named_ports(settings: Settings) -> Tuple[int, ...]:
    """The ports that the operator named."""
    named: Optional[int] = settings.values["PORT"]
    return (*settings.values["PORTS"].values(), *(() if named is None else (named,)))


def instances(
    settings: Settings, listeners: Sequence[Listener], identity: str, started: float, slot: int, state: str
) -> Tuple[Instance, ...]:
    """The records of one server: one for each protocol, the first under `identity` itself."""
    service = settings.service
    if service is None or not listeners:
        return ()
    found: List[Instance] = []
    for protocol, port in chosen(settings, listeners).items():
        listener = listener_of(listeners, port, protocol)
        found.append(
            Instance(
                id=identity if not found else "%s-%s" % (identity, protocol),
                service=service,
                address=settings.values["ADDRESS"] or reachable(listener.address),
                port=port,
                protocol=protocol,
                tls=listener.tls,
                tags=settings.tags,
                started=started,
                keepalive=listener.keepalive,
                slot=slot,
                state=state,
            )
        )
    return tuple(found)


def listener_of(listeners: Sequence[Listener], port: int, protocol: str) -> Listener:
    """The socket that a named port means; a port that is mapped from outside takes what the first socket is."""
    for listener in listeners:
        if listener.port == port:
            return listener
    for listener in listeners:
        if listener.protocol == protocol:
            return listener
    return listeners[0]._replace(keepalive=None, tls=False)


class Registration:
    """The records of this instance in the engine. Used by the agent thread and, at a stop, by the drain's thread.

    No method raises `EngineError`: what failed is reported, is in `problem`, and is tried again by the next tick.
    """

    def __init__(self, open_engine: Callable[[], Engine], report: Callable[[str, Any], None]) -> None:
        self._open_engine = open_engine
        self._report = report
        self._engine: Optional[Engine] = None
        self._forked = False
        self._lock = _new_lock()
        self._waited = False
        self._held: Dict[str, Instance] = {}  # what this process wrote, as the engine answered it
        self._next = 0.0
        self.problem: Optional[str] = None

    def keep(self, wanted: Sequence[Instance], now: float) -> Optional[int]:
        """Write what is missing or changed and renew the lease when it is time; `now` is monotonic, in seconds.

        Answers the slot of the first record when it was written now, else None.
        """
        said = all(i.id in self._held and self._held[i.id].state == i.state for i in wanted)
        if now < self._next and (said or self.problem is not None):
            return None
        slots = self._with(lambda engine: [self._keep_one(engine, instance) for instance in wanted])
        self._next = now + (RETRY_SECONDS if slots is None else RENEW_SECONDS)
        return slots[0] if slots else None

    def _keep_one(self, engine: Engine, instance: Instance) -> Optional[int]:
        held = self._held.get(instance.id)
        if held is None:
            self._held[instance.id] = written = engine.register(instance, LEASE_SECONDS)
            return written.slot
        if held.state != instance.state:
            engine.mark(held, instance.state)
            self._held[instance.id] = held._replace(state=instance.state)
            return None
        engine.renew(held, LEASE_SECONDS)
        return None

    def mark(self, records: Sequence[Instance]) -> bool:
        """Say the state of records that this or another process registered; True when the engine took it."""
        return self._with(lambda engine: [engine.mark(instance, instance.state) for instance in records]) is not None

    def note(self, timeline: Timeline) -> bool:
        """Write the timeline of the instance; True when the engine did. Nothing else depends on it."""
        problem = self.problem
        done = self._with(lambda engine: [engine.note(timeline)])
        self.problem = problem
        return done is not None

    def remove(self, records: Sequence[Instance]) -> bool:
        """Remove the records, whoever registered them; True when the engine did."""
        done = self._with(lambda engine: [engine.deregister(instance) for instance in records])
        if done is not None:
            self._held.clear()
        return done is not None

    @property
    def holds(self) -> bool:
        """Whether this process wrote a record that it did not remove."""
        return bool(self._held)

    def wait(self) -> None:
        """Before a fork: let nobody be inside the engine."""
        self._waited = self._lock.acquire(True, _PATIENCE)

    def go_on(self) -> None:
        """In the parent, after the fork."""
        if self._waited:
            self._lock.release()

    def forget(self) -> None:
        """In the child: the parent registered, not we."""
        self._lock = _new_lock()
        self._held = {}
        self._forked = True
        self._next = 0.0
        self.problem = None

    def _with(self, act: Callable[[Engine], List[Any]]) -> Optional[List[Any]]:
        if not self._lock.acquire(True, _PATIENCE):
            self.problem = "the store does not answer"
            return None
        try:
            if self._engine is None:
                self._engine = self._open_engine()
            elif self._forked:
                self._engine.reopen()
            self._forked = False
            answers = act(self._engine)
        except EngineError as error:
            self.problem = str(error)
            self._report("registration", error)
            return None
        finally:
            self._lock.release()
        self.problem = None
        return answers
