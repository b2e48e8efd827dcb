"""One published snapshot in the form that calls read; replaced whole by one assignment."""

from __future__ import annotations

from itertools import count
from typing import Dict, Hashable, Mapping, Optional, Tuple

from ..core import admit
from ..core.aperture import NARROW_FROM
from ..core.call import Call
from ..core.colour import routing
from ..core.index import Index, Snapshot
from ..core.match import NoFacts
from ..core.model import Instance, Pairs, shown
from ..core.rules import Lifecycle, RuleSet
from ..core.settings import Settings
from ..telemetry import metrics

MAX_HOSTS = 4096


class Peer:
    """What a host that the app calls is to us."""

    __slots__ = ("_questions", "calls", "host", "routed", "service", "shown", "wide")

    def __init__(self, host: str, service: Optional[str], routed: bool, wide: bool) -> None:
        self.host = host
        self.service = service  # None: not mesh
        self.shown = shown(service) if service else ""
        self.routed = routed  # a Route names it: conditions look at the request
        self.wide = wide  # so many instances that a window over them needs counts of its group
        self._questions: Dict[Tuple[str, str, Pairs, Optional[int]], Call] = {}
        self.calls: count[int] = count()  # of a host that is not mesh

    def question(self, protocol: str, scheme: str, colour: Pairs, window: Optional[int]) -> Call:
        """The question to the core about a call that no Route looks at: the same for each call of a colour."""
        key = (protocol, scheme, colour, window)
        known = self._questions.get(key)
        if known is None:
            if len(self._questions) >= MAX_HOSTS:
                self._questions = {}
            known = self._questions[key] = Call(
                self.service or "", protocol, scheme == "https", colour, NoFacts(), window
            )
        return known


def reusable(keepalive: Optional[float]) -> Optional[float]:
    """Seconds that a pooled connection may stay idle and still be used.

    The provider's own limit minus a margin for the way there and a busy machine: a quarter of it, at most one second.
    """
    return None if keepalive is None else keepalive - min(1.0, keepalive / 4)


Dial = Tuple[Tuple[str, int], str, Optional[float]]


def _is_entry(rules: RuleSet, service: Optional[str]) -> bool:
    """Whether a Lane of any namespace may be entered at the service."""
    return any(service in way.at for lanes in rules.lanes.values() for lane in lanes for way in lane.enter)


class Live:
    """A snapshot, its index and what is remembered of it."""

    __slots__ = (
        "_dials",
        "_entry",
        "admitted",
        "hosts",
        "index",
        "instances",
        "namespace",
        "own_colour",
        "snapshot",
    )

    def __init__(self, snapshot: Snapshot, settings: Settings, previous: Optional[Live]) -> None:
        self.snapshot = snapshot
        self.index = Index(snapshot)
        self.namespace: str = settings["NAMESPACE"]
        self.own_colour: Pairs = admit.own_colour(snapshot.rules, self.namespace, settings.tags)
        self.admitted: Dict[Tuple[Pairs, bool], Pairs] = {}
        """(incoming colour, trusted) -> the request's colour, where that depends on nothing else."""
        self._entry = _is_entry(snapshot.rules, settings.service)
        self.instances: Dict[str, Instance] = {i.id: i for group in snapshot.instances.values() for i in group}
        self._dials: Dict[str, Dial] = {}
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
        wide = service is not None and len(self.index.instances(service)) >= NARROW_FROM
        peer = Peer(host, service, service in self.snapshot.rules.routes, wide)
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

    def dial(self, instance: Instance) -> Dial:
        """How an instance is reached: address, endpoint, seconds that an idle connection may be used again."""
        known = self._dials.get(instance.id)
        if known is None:
            known = ((instance.address, instance.port), instance.endpoint, reusable(instance.keepalive))
            self._dials[instance.id] = known
        return known

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
