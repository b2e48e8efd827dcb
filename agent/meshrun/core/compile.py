"""From normal forms to the rules that decisions read: incremental, and light enough for every app process."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Mapping, Optional, Tuple

from .instant import epoch
from .model import Pairs, service_key
from .policy import order as policy_order
from .rules import (
    BASELINE,
    EMPTY,
    EVERY,
    RESERVED,
    STRICT,
    Destination,
    Enter,
    Fallback,
    Lane,
    Lifecycle,
    Piece,
    Policy,
    RouteRule,
    RouteTable,
    RuleSet,
)
from .when import build as build_when
from .when import source

Document = Mapping[str, Any]


def resolve(service: str, namespace: str) -> str:
    """The service key of ``name`` (of this namespace) or ``name.namespace``."""
    name, _, other = service.partition(".")
    return service_key(name, other or namespace)


def build(documents: Mapping[str, Document], version: int, previous: Optional[RuleSet] = None) -> RuleSet:
    """The rules of a set of normal forms, by identity.

    Pieces of `previous` are kept where the document is the very same object, tables of routes where all their pieces
    are. The documents must have passed ``documents.parse`` and must not be changed afterwards.
    """
    old = (previous or EMPTY).pieces
    pieces: Dict[str, Piece] = {}
    for name, document in documents.items():
        piece = old.get(name)
        if piece is None or piece.document is not document:
            compiled = _COMPILERS[document["kind"]](document)
            key = resolve(document["service"], document["namespace"]) if "service" in document else ""
            piece = Piece(document, document["kind"], key, compiled)
        pieces[name] = piece
    by_kind: Dict[str, List[Piece]] = {kind: [] for kind in _COMPILERS}
    for piece in pieces.values():
        by_kind[piece.kind].append(piece)
    lanes: Dict[str, List[Lane]] = {}
    for piece in by_kind["Lane"]:
        lanes.setdefault(piece.document["namespace"], []).append(piece.compiled)
    return RuleSet(
        version,
        {piece.document["namespace"]: piece.compiled for piece in by_kind["Mesh"]},
        {namespace: tuple(sorted(some, key=_lane_order)) for namespace, some in lanes.items()},
        {host: piece.service for piece in by_kind["Alias"] for host in piece.compiled},
        _routes(by_kind["Route"], previous or EMPTY),
        {piece.service: piece.compiled for piece in by_kind["Lifecycle"]},
        frozenset(piece.service for piece in pieces.values() if piece.service),
        pieces,
        tuple(sorted((piece.compiled for piece in by_kind["Policy"]), key=policy_order)),
    )


def _lane_order(lane: Lane) -> Tuple[int, str]:
    return lane.priority, lane.name


def _route_order(piece: Piece) -> Tuple[int, str, str]:
    document = piece.document
    return document.get("priority", 100), document["name"], document["namespace"]


def _routes(pieces: Iterable[Piece], previous: RuleSet) -> Dict[str, RouteTable]:
    by_service: Dict[str, List[Piece]] = {}
    for piece in pieces:
        by_service.setdefault(piece.service, []).append(piece)
    tables: Dict[str, RouteTable] = {}
    for service, some in by_service.items():
        some.sort(key=_route_order)
        sources = tuple(piece.compiled for piece in some)
        table = previous.routes.get(service)
        if table is None or not table.made_of(sources):
            table = RouteTable([rule for rules in sources for rule in rules], sources)
        tables[service] = table
    return tables


def _pairs(tags: Mapping[str, str]) -> Pairs:
    return tuple(sorted(tags.items()))


def _mesh(document: Document) -> FrozenSet[str]:
    return RESERVED | frozenset(document.get("routing_keys") or ())


def _lane(document: Document) -> Lane:
    name, namespace = document["name"], document["namespace"]
    expires = document.get("expires")
    return Lane(
        name,
        namespace,
        _pairs(document.get("tags") or {"lane": name}),
        document.get("priority", 100),
        tuple(_enter(item, namespace) for item in document.get("enter") or ()),
        _fallback(document.get("fallback", BASELINE), namespace),
        None if expires is None else epoch(expires),
        document.get("paused", False),
    )


def _enter(item: Mapping[str, Any], namespace: str) -> Enter:
    sticky = item.get("sticky")
    return Enter(
        frozenset(resolve(service, namespace) for service in item["at"]),
        build_when(item.get("when"), namespace),
        float(item.get("percent", 100)),
        None if sticky is None else source(sticky),
    )


def _fallback(value: Any, namespace: str) -> Fallback:
    if not isinstance(value, dict):
        return Fallback(_chain(value), {})
    by_service = {resolve(service, namespace): (end,) for end in (STRICT, BASELINE) for service in value.get(end) or ()}
    return Fallback(_chain(value.get("default", BASELINE)), by_service)


def _chain(value: Any) -> Tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _alias(document: Document) -> Tuple[str, ...]:
    """The hosts, IPv6 literals with and without brackets: libraries hand over both."""
    hosts: List[str] = []
    for host in document["hosts"]:
        hosts.append(host)
        if host.startswith("["):
            hosts.append(host.replace("[", "").replace("]", ""))
    return tuple(hosts)


def _route(document: Document) -> Tuple[RouteRule, ...]:
    return tuple(
        RouteRule(
            document["name"],
            number,
            build_when(rule.get("when"), document["namespace"]),
            tuple(Destination(_pairs(item.get("tags") or {}), item.get("weight", 1)) for item in rule["to"]),
            rule.get("else", "any"),
            rule.get("on", "request"),
        )
        for number, rule in enumerate(document["rules"])
    )


def _lifecycle(document: Document) -> Lifecycle:
    register = document.get("register") or {}
    probe = register.get("probe") or {}
    warmup, drain = document.get("warmup") or {}, document.get("drain") or {}
    prewarm = document.get("prewarm") or {}
    return Lifecycle(
        register.get("delay"),
        probe.get("path"),
        probe.get("every", 1.0),
        warmup.get("seconds"),
        warmup.get("curve", 2.0),
        drain.get("seconds"),
        drain.get("quiet", 1.0),
        drain.get("min", 2.0),
        prewarm.get("requests", 0),
        tuple(prewarm.get("paths", ())),
        prewarm.get("concurrency", 1),
        prewarm.get("timeout", 30.0),
    )


def _policy(document: Document) -> Policy:
    selector = document.get("selector") or {}
    namespace = selector.get("namespace", document["namespace"])
    service, _, other = selector.get("service", "").partition(".")
    expires = document.get("expires")
    return Policy(
        document["name"],
        document["namespace"],
        None if namespace == EVERY else other or namespace,
        service or None,
        _pairs(selector.get("tags") or {}),
        document["mode"],
        float(document.get("percent", 100)),
        None if expires is None else epoch(expires),
    )


_COMPILERS: Mapping[str, Callable[[Document], Any]] = {
    "Mesh": _mesh,
    "Lane": _lane,
    "Alias": _alias,
    "Route": _route,
    "Lifecycle": _lifecycle,
    "Policy": _policy,
}
