"""The snapshot as decisions read it: which host is which service, and which instances form which group."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .colour import routing
from .lanes import Chain, chain
from .model import Instance, Pairs, Vacancy, service_key
from .plan import Plan
from .pool import Pool
from .rules import EMPTY, RuleSet

LONGEST_HOST = 255
"""Characters of a host name (RFC 1035, 2.3.4)."""
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}").fullmatch
"""All that `inet_aton` takes for an IPv4 address: one to four numbers, decimal, octal or hexadecimal."""
_MOST_COLOURS = 1024
"""Memos by colour are forgotten beyond that: whoever sends requests chooses their colours."""


class Snapshot(NamedTuple):
    """Rules and instances as they stood at one moment."""

    rules: RuleSet = EMPTY
    instances: Mapping[str, Tuple[Instance, ...]] = {}  # service key -> alive or not
    vacancies: Tuple[Vacancy, ...] = ()


class Index:
    """A snapshot, indexed. It never changes its meaning; what is asked for is worked out once and kept.

    Building one costs nothing, so that a change of one instance among 10,000 costs its own service only. Threads may
    share it: each memo is one assignment of a value that any of them would compute alike.
    """

    __slots__ = ("_chains", "_known", "_pools", "_vacancies", "plans", "rules", "snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.rules = snapshot.rules
        self.plans: Dict[Tuple[object, ...], Plan] = {}
        """The memo of `route.decide`, which alone reads and writes it."""
        self._known: Optional[Mapping[str, str]] = None
        self._pools: Dict[Tuple[str, str, bool], Pool] = {}
        self._chains: Dict[Tuple[str, Pairs], Chain] = {}
        self._vacancies: Optional[Dict[str, List[Vacancy]]] = None

    def target(self, host: str, port: Optional[int], namespace: str) -> Optional[str]:
        """The key of the service that a URL's host means to a caller of this namespace; None: not a mesh service.

        `port` is the one that the call goes to; only an Alias looks at it. Case and a final dot do not count.
        """
        name = _name(host)
        if name is None:
            return None
        aliases = self.rules.aliases
        if aliases:
            shown = "[%s]" % name if ":" in name else name
            alias = aliases.get("%s:%s" % (shown, port)) or aliases.get(shown) or aliases.get(name)
            if alias is not None:
                return alias
        if _NUMERIC(name):  # an IPv4 address to whoever resolves it, and no name of a service
            return None
        known = self._services()
        return next((known[key] for key in _keys(name, namespace.lower()) if key in known), None)

    def instances(self, service: str) -> Tuple[Instance, ...]:
        """All known instances of a service, alive or not."""
        return self.snapshot.instances.get(service, ())

    def pool(self, service: str, protocol: str, tls: bool) -> Pool:
        """The instances of a service that speak a protocol."""
        key = (service, protocol, tls)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(
                key,
                self.instances(service),
                self._vacancies_of(service),
                self.rules.reserved_keys(service.partition("/")[0]),
                self.rules.lifecycles.get(service),
            )
        return pool

    def chain(self, service: str, colour: Pairs, now: float) -> Chain:
        """The lanes that may serve a colour (`lanes.chain`)."""
        key = (service, colour)
        found = self._chains.get(key)
        if found is None or not found.since <= now < found.until:
            reserved = self.rules.reserved_keys(service.partition("/")[0])
            found = chain(self.rules, service, routing(colour, reserved), now)
            if len(self._chains) >= _MOST_COLOURS:
                self._chains = {}
            self._chains[key] = found
        return found

    def _vacancies_of(self, service: str) -> Sequence[Vacancy]:
        if self._vacancies is None:
            by_service: Dict[str, List[Vacancy]] = {}
            for vacancy in self.snapshot.vacancies:
                by_service.setdefault(vacancy.service, []).append(vacancy)
            self._vacancies = by_service
        return self._vacancies.get(service, ())

    def _services(self) -> Mapping[str, str]:
        """Every known service key, by its lower-case form."""
        if self._known is None:
            known = {key.lower(): key for key in self.rules.services}
            known.update({key.lower(): key for key, instances in self.snapshot.instances.items() if instances})
            self._known = known
        return self._known


def _name(host: str) -> Optional[str]:
    """A host without brackets and final dot, in lower case; None: no host of a service or an Alias looks like it.

    Letters beyond ASCII are in no such name; folding their case could make one of it.
    """
    if len(host) > LONGEST_HOST or not host.isascii():
        return None
    name = host.lower()
    if name.startswith("["):
        return name[1:-1] if name.endswith("]") and ":" in name else None
    if name.endswith("."):
        name = name[:-1]
        return None if _NUMERIC(name) else name
    return name


def _keys(name: str, namespace: str) -> List[str]:
    """The service keys that a host may mean, in lower case, first choice first."""
    for suffix in (".svc.cluster.local", ".svc"):
        if name.endswith(suffix):
            service, _, other = name[: -len(suffix)].rpartition(".")
            return [service_key(service, other)] if service else []
    keys = [service_key(name, namespace)]
    service, _, other = name.rpartition(".")
    if service:
        keys.append(service_key(service, other))
        if other == "mesh":
            keys.append(service_key(service, namespace))
    return keys
