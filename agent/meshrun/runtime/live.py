"""One published snapshot in the form that calls read; replaced whole by one assignment."""

from __future__ import annotations

from itertools import count
from typing import Dict, Hashable, Mapping, NamedTuple, Optional, Tuple

from ..core import admit
from ..core.aperture import NARROW_FROM
from ..core.call import Call, Decision
from ..core.colour import routing
from ..core.index import LONGEST_HOST, Index, Snapshot
from ..core.match import NoFacts
from ..core.model import Instance, Pairs, shown
from ..core.rules import Lifecycle, RuleSet
from ..core.settings import Settings
from ..telemetry import metrics
from .leg import Leg
from .local import Local

MAX_HOSTS = 4096


Key = Tuple[str, str, Pairs, Optional[int]]
"""Protocol, scheme, colour, window: what tells the questions about a service apart that no Route looks at."""


class Asked(NamedTuple):
    """A question to the core, and what a call with this answer sets if the app set nothing of it itself."""

    question: Call
    plain: Tuple[Tuple[str, str], ...]


class Peer:
    """What a host that the app calls is to us."""

    __slots__ = ("asked", "calls", "host", "routed", "service", "shown")

    def __init__(self, host: str, service: Optional[str], routed: bool) -> None:
        self.host = host
        self.service = service  # None: not mesh
        self.shown = shown(service) if service else ""
        self.routed = routed  # a Route names it: conditions look at the request
        self.asked: Dict[Key, Asked] = {}
        self.calls: count[int] = count()  # of a host that is not mesh

    def remember(self, key: Key, plain: Tuple[Tuple[str, str], ...]) -> Asked:
        """The question about a call that no Route looks at."""
        protocol, scheme, colour, window = key
        if len(self.asked) >= MAX_HOSTS:
            self.asked = {}
        question = Call(self.service or "", protocol, scheme == "https", colour, NoFacts(), window)
        known = self.asked[key] = Asked(question, plain)
        return known


def reusable(keepalive: Optional[float]) -> Optional[float]:
    """Seconds that a pooled connection may stay idle and still be used.

    The provider's own limit minus a margin for the way there and a busy machine: a quarter of it, at most one second.
    """
    return None if keepalive is None else keepalive - min(1.0, keepalive / 4)


def _is_entry(rules: RuleSet, service: Optional[str]) -> bool:
    """Whether a Lane of any namespace may be entered at the service."""
    return any(service in way.at for lanes in rules.lanes.values() for lane in lanes for way in lane.enter)


class Live:
    """A snapshot, its index and what is remembered of it."""

    __slots__ = (
        "_entry",
        "admitted",
        "hosts",
        "index",
        "instances",
        "legs",
        "namespace",
        "own_colour",
        "served",
        "snapshot",
    )

    def __init__(self, snapshot: Snapshot, settings: Settings, previous: Optional[Live]) -> None:
        self.snapshot = snapshot
        self.index = Index(snapshot)
        self.namespace: str = settings["NAMESPACE"]
        self.own_colour: Pairs = admit.own_colour(snapshot.rules, self.namespace, settings.tags)
        self.admitted: Dict[Tuple[Pairs, bool], Pairs] = {}
        """(incoming colour, trusted) -> the request's colour, where that depends on nothing else."""
        self.served: Dict[Tuple[Pairs, Optional[str], Optional[int]], count[int]] = {}
        """(colour, caller, status) -> what counts such requests."""
        self._entry = _is_entry(snapshot.rules, settings.service)
        self.instances: Dict[str, Instance] = {i.id: i for group in snapshot.instances.values() for i in group}
        self.legs: Dict[int, Leg] = {}
        """By the `id` of the decision, which its leg keeps alive."""
        self.hosts: Dict[Hashable, Peer] = {}
        if previous is not None:  # counts of hosts that stay outside the mesh go on
            for key, peer in list(previous.hosts.items()):
                if peer.service is None and self._service(peer.host, key) is None:
                    self.hosts[key] = peer

    def _service(self, host: str, key: Hashable) -> Optional[str]:
        port = key[1] if isinstance(key, tuple) else None
        return self.index.target(host, port, self.namespace)

    def peer(self, host: str, port: Optional[int]) -> Peer:
        """What `host` is, worked out on first sight."""
        service = self.index.target(host, port, self.namespace)
        peer = Peer(host, service, service in self.snapshot.rules.routes)
        if len(host) > LONGEST_HOST:  # an app that calls what strangers write must not keep it
            return peer
        if len(self.hosts) >= MAX_HOSTS:
            self.hosts.clear()
        return self.hosts.setdefault((host, port), peer)

    def remember(self, incoming: Pairs, trusted: bool, colour: Pairs) -> None:
        """Keep what was admitted, unless a lane may be entered here: that asks each request anew.

        A trusted colour with a routing part keeps its lane whatever the request says.
        """
        reserved = self.snapshot.rules.reserved_keys(self.namespace)
        if not self._entry or (trusted and routing(incoming, reserved)):
            if len(self.admitted) >= MAX_HOSTS:
                self.admitted = {}
            self.admitted[incoming, trusted] = colour

    def keep_served(self, key: Tuple[Pairs, Optional[str], Optional[int]], counter: count[int]) -> None:
        """Keep a counter at hand. Who sends requests chooses colours and names, so not for ever."""
        if len(self.served) >= MAX_HOSTS:
            self.served = {}
        self.served[key] = counter

    def leg(self, decision: Decision, instance: Instance, local: Local) -> Leg:
        """Make and keep the leg of a decision."""
        dial = ((instance.address, instance.port), instance.endpoint, reusable(instance.keepalive))
        wide = len(self.index.instances(decision.service)) >= NARROW_FROM
        if len(self.legs) >= MAX_HOSTS:
            self.legs = {}
        new = self.legs[id(decision)] = Leg(decision, instance, dial, local, wide=wide)
        return new

    def lifecycle(self, service: Optional[str]) -> Lifecycle:
        """The `Lifecycle` document of a service, or one that is silent."""
        return self.snapshot.rules.lifecycles.get(service or "", Lifecycle())

    def not_mesh(self, limit: int = 10) -> Tuple[Tuple[str, int], ...]:
        """Hosts that are called most and are not mesh services, with the number of calls."""
        calls: Dict[str, int] = {}
        for peer in list(self.hosts.values()):
            if peer.service is None:
                calls[peer.host] = calls.get(peer.host, 0) + metrics.value(peer.calls)
        most = sorted(calls.items(), key=lambda item: -item[1])
        return tuple(item for item in most if item[1])[:limit]


def labels(pairs: Mapping[str, str]) -> str:
    """Tags as a label of a metric: ``lane=gray``."""
    return ",".join("%s=%s" % item for item in sorted(pairs.items()))
