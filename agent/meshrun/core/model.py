"""The values that every part speaks of: service key, instance, snapshot."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Tuple

Pairs = Tuple[Tuple[str, str], ...]
"""Sorted (key, value) pairs: the form of a colour, of a routing part and of a lane's tags."""

PROTOCOLS = ("http", "grpc")
READY, DRAINING, STARTING = "ready", "draining", "starting"


def service_key(name: str, namespace: str) -> str:
    """The key of a service everywhere inside: ``namespace/name``."""
    return namespace + "/" + name


def shown(key: str) -> str:
    """The service key as people and headers write it: ``name.namespace``."""
    namespace, _, name = key.partition("/")
    return name + "." + namespace


class Instance(NamedTuple):
    """One process (or group of workers) that serves a service on one port."""

    id: str
    service: str  # service key
    address: str  # IP literal
    port: int
    protocol: str = "http"  # one of `PROTOCOLS`
    tls: bool = False
    tags: Mapping[str, str] = {}  # keys folded to lower case; never mutated
    weight: int = 100  # 1..10000
    started: float = 0.0  # epoch seconds, from registration
    keepalive: Optional[float] = None  # seconds that the server keeps an idle connection; None: not known
    slot: int = 0  # lowest free integer of its group (service, lane) at registration
    state: str = READY
    alive: bool = True  # False: the lease expired; the record still proves that the service exists

    @property
    def endpoint(self) -> str:
        """``address:port``, the identity of an instance across registries."""
        return "%s:%d" % (self.address, self.port)


class Vacancy(NamedTuple):
    """A slot that an instance left; it keeps its place in the ring until ``until`` (epoch seconds)."""

    service: str
    lane: Pairs
    slot: int
    until: float
