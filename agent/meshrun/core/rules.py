"""The rules in the form that decisions read: built by ``compile``, read by ``admit`` and ``route``."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

from .model import Pairs

BASELINE, STRICT = "baseline", "strict"
EVERY = "*"
"""As the namespace of a Policy's selector: any."""
RESERVED = frozenset(("lane", "featureenv"))
"""The reserved keys that every namespace has; ``Mesh.routing_keys`` adds more."""


class Source(NamedTuple):
    """Where a condition or ``sticky`` looks: ``header.x-user-id`` is ``Source("header", "x-user-id")``."""

    kind: str  # header query cookie colour tag path method host caller service
    key: str  # lower case for headers, colours and tags; "" for kinds without a key


class Condition(NamedTuple):
    """One test of one source."""

    source: Source
    op: str  # exact not in not_in prefix suffix regex range present
    operand: object  # str | frozenset of str | compiled pattern | (low, high) | bool


When = Tuple[Tuple[Condition, ...], ...]
"""Any of the outer items suffices; within one all must hold. ``((),)`` always holds."""


class Enter(NamedTuple):
    """One way into a lane."""

    at: FrozenSet[str]  # service keys
    when: When
    percent: float  # 0..100
    sticky: Optional[Source]


class Fallback(NamedTuple):
    """Where a lane's calls go when it has no instance: names of lanes, ended by ``baseline`` or ``strict``."""

    default: Tuple[str, ...]
    by_service: Mapping[str, Tuple[str, ...]]


class Lane(NamedTuple):
    """A ``Lane`` document."""

    name: str
    namespace: str
    tags: Pairs
    priority: int
    enter: Tuple[Enter, ...]
    fallback: Fallback
    expires: Optional[float]  # epoch seconds
    paused: bool


class Destination(NamedTuple):
    """One item of a route rule's ``to``."""

    tags: Pairs
    weight: int


class RouteRule(NamedTuple):
    """One rule of a ``Route`` document, in the order in which the service's rules are tried."""

    name: str  # name of the document, for reason ``route:<name>``
    number: int  # position in its document, from 0
    when: When
    to: Tuple[Destination, ...]
    otherwise: str  # any | baseline | reject  (``else`` in the document)
    on: str  # request | stream | message


class RouteTable:
    """The route rules of one service, indexed so that those with exact conditions cost one look-up per source.

    Immutable. A rule whose every ``when`` item has an ``exact`` or ``in`` condition lies under the values of one of
    them; the others are tried one after the other. `parts` are the tuples that `rules` was joined from.
    """

    __slots__ = ("_index", "_linear", "_parts", "rules")

    def __init__(self, rules: Sequence[RouteRule], parts: Sequence[Sequence[RouteRule]] = ()) -> None:
        self.rules: Tuple[RouteRule, ...] = tuple(rules)
        self._parts = tuple(parts)
        keyed = [[_exacts(item) for item in rule.when] for rule in self.rules]
        shared = Counter(source for items in keyed for found in items for source in found)
        tables: Dict[Source, Dict[str, List[int]]] = {}
        linear: List[int] = []
        for number, items in enumerate(keyed):
            if not items or not all(items):
                linear.append(number)
                continue
            for found in items:
                # The source that most rules share, so that a call asks for few of them.
                source = max(found, key=lambda one: (shared[one], one))
                for value in found[source]:
                    posted = tables.setdefault(source, {}).setdefault(value, [])
                    if not posted or posted[-1] != number:
                        posted.append(number)
        self._linear = tuple(linear)
        self._index = tuple(
            (source.kind, source.key, {value: tuple(posted) for value, posted in table.items()})
            for source, table in sorted(tables.items())
        )

    def candidates(self, facts: Looked) -> Sequence[RouteRule]:
        """The rules that may hold, in the order of `rules`; those left out cannot. Each must still be tested."""
        posted = [self._linear] if self._linear else []
        for kind, key, table in self._index:
            value = facts.get(kind, key)
            if value is not None and value in table:
                posted.append(table[value])
        if len(posted) == 1:
            numbers: Sequence[int] = posted[0]
        else:
            numbers = sorted({number for some in posted for number in some})
        rules = self.rules
        return rules if len(numbers) == len(rules) else [rules[number] for number in numbers]

    def made_of(self, parts: Sequence[Sequence[RouteRule]]) -> bool:
        """Whether the table was joined from these very objects."""
        return len(parts) == len(self._parts) and all(one is two for one, two in zip(parts, self._parts))


class Looked(Protocol):
    """Where the values of sources are looked up; `match.Facts` is one."""

    def get(self, kind: str, key: str) -> Optional[str]:
        """The value of a source, None if the request lacks it."""


def _exacts(item: Sequence[Condition]) -> Dict[Source, FrozenSet[str]]:
    """The values that an item allows a source to have, for its ``exact`` and ``in`` conditions."""
    found: Dict[Source, FrozenSet[str]] = {}
    for source, op, operand in item:
        if op == "exact" and isinstance(operand, str):
            found[source] = frozenset((operand,))
        elif op == "in" and isinstance(operand, frozenset):
            found.setdefault(source, operand)
    return found


class Lifecycle(NamedTuple):
    """A ``Lifecycle`` document; None where it is silent and the setting of the process holds."""

    delay: Optional[float] = None  # seconds between ready and registration
    probe_path: Optional[str] = None
    probe_every: float = 1.0
    warmup_seconds: Optional[float] = None
    warmup_curve: float = 2.0
    drain_seconds: Optional[float] = None
    drain_quiet: float = 1.0
    drain_min: float = 2.0
    prewarm_requests: int = 0
    prewarm_paths: Tuple[str, ...] = ()
    prewarm_concurrency: int = 1
    prewarm_timeout: float = 30.0  # seconds for all of them


class Policy(NamedTuple):
    """A ``Policy`` document: the mode of the processes that it selects."""

    name: str
    namespace: str  # of the document
    selects: Optional[str]  # namespace of the processes; None: any
    service: Optional[str]  # their service, without the namespace; None: any, and programs that are client only
    tags: Pairs  # own tags that they must have
    mode: str  # off | dormant | observe | carry | enforce
    percent: float  # 0..100, share of the instances; the others carry
    expires: Optional[float]  # epoch seconds

    @property
    def identity(self) -> str:
        """The identity of the document."""
        return "Policy/%s/%s" % (self.namespace, self.name)


class Piece(NamedTuple):
    """What one document became; kept so that a new set compiles only what changed."""

    document: Mapping[str, Any]
    kind: str
    service: str  # the key of its ``service``, or ""
    compiled: Any


class RuleSet(NamedTuple):
    """All rules of a store at one version."""

    version: int
    reserved: Mapping[str, FrozenSet[str]]  # namespace -> keys; absent: RESERVED
    lanes: Mapping[str, Tuple[Lane, ...]]  # namespace -> by (priority, name)
    aliases: Mapping[str, str]  # "host" or "host:port" in lower case -> service key
    routes: Mapping[str, RouteTable]  # service key
    lifecycles: Mapping[str, Lifecycle]  # service key
    services: FrozenSet[str]  # service keys that documents name as ``service``
    pieces: Mapping[str, Piece] = {}  # identity -> what it became; never mutated
    policies: Tuple[Policy, ...] = ()  # as `policy.order` sorts them

    def reserved_keys(self, namespace: str) -> FrozenSet[str]:
        """The reserved keys of a namespace."""
        return self.reserved.get(namespace, RESERVED)


EMPTY = RuleSet(0, {}, {}, {}, {}, {}, frozenset())
