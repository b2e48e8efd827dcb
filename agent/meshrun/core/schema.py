"""The kinds of rule documents: one table, from which documents are validated and the JSON Schema is printed."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from .conditions import STICKY, WHEN
from .forms import (
    HOST,
    KEY,
    NAME,
    NAMESPACE,
    NAMESPACES,
    PATH,
    PERCENT,
    SECONDS,
    SERVICE,
    SERVICES,
    TAGS,
    Fallback,
    Instant,
    Selector,
)
from .settings import MODES
from .shape import Choice, Field, Flag, Items, Number, Record

PRIORITY = Field(Number(0, 1_000_000, whole=True), "0 is tried first", default=100)
_SERVICE = Field(SERVICE, "the service that this is about: name, or name.namespace", True)

_ENTER = Record(
    {
        "at": Field(SERVICES, "the services whose incoming requests may enter here", True),
        "when": Field(WHEN, "conditions on the incoming request"),
        "percent": Field(PERCENT, "share of the requests that enter", default=100),
        "sticky": Field(STICKY, "the value that decides who is in the share, instead of a draw"),
    }
)
_DESTINATION = Record(
    {
        "tags": Field(TAGS, "instances with these tags; without: all that the lane left"),
        "weight": Field(Number(0, 10_000, whole=True), "share relative to the other destinations", default=1),
    }
)
_RULE = Record(
    {
        "when": Field(WHEN, "conditions on the outgoing call"),
        "to": Field(Items(_DESTINATION, most=64), "where calls go, one is drawn by weight", True),
        "else": Field(Choice("any", "baseline", "reject"), "when no instance has the drawn tags", default="any"),
        "on": Field(
            Choice("request", "stream", "message"), "how often a long connection decides again", default="request"
        ),
    }
)

_MESH = {"routing_keys": Field(Items(KEY, 0, 14), "reserved keys beyond lane and featureenv", default=[])}
_LANE = {
    "tags": Field(TAGS, "what makes an instance part of the lane: reserved keys; default {lane: <name>}"),
    "priority": PRIORITY,
    "enter": Field(Items(_ENTER, 0, 1000), "ways in, any of which suffices", default=[]),
    "fallback": Field(Fallback(), "where calls go while the lane has no instance", default="baseline"),
    "expires": Field(Instant(), "after this time nobody enters and colours under way fall back"),
    "paused": Field(Flag(), "true: nobody new enters", default=False),
}
_ALIAS = {
    "hosts": Field(Items(HOST, most=1000, single=True), "what clients call it: host or host:port", True),
    "service": _SERVICE,
}
_ROUTE = {
    "service": _SERVICE,
    "priority": PRIORITY,
    "rules": Field(Items(_RULE), "rules, the first whose conditions hold decides", True),
}
_PROBE = {
    "path": Field(PATH, "the path that answers below 500 when the program can serve", True),
    "every": Field(SECONDS, "seconds between tries", default=1),
}
_REGISTER = {
    "delay": Field(SECONDS, "seconds between ready and registration"),
    "probe": Field(Record(_PROBE), "a path to be asked before registration"),
}
_PREWARM = {
    "requests": Field(Number(0, 100_000, whole=True), "how many requests", default=0),
    "paths": Field(Items(PATH, most=100, single=True), "the paths that are asked", True),
    "concurrency": Field(Number(1, 64, whole=True), "how many at once", default=1),
    "timeout": Field(SECONDS, "seconds for all of them", default=30),
}
_WARMUP = {
    "seconds": Field(SECONDS, "how long callers raise the share of a new instance"),
    "curve": Field(Number(0.1, 10), "the exponent of the rise", default=2),
}
_DRAIN = {
    "seconds": Field(SECONDS, "the longest drain"),
    "quiet": Field(SECONDS, "seconds without a request in flight after which it may stop", default=1),
    "min": Field(SECONDS, "the shortest drain", default=2),
}
_LIFECYCLE = {
    "service": _SERVICE,
    "register": Field(Record(_REGISTER), "start"),
    "prewarm": Field(Record(_PREWARM), "requests that a new instance sends to itself"),
    "warmup": Field(Record(_WARMUP), "slow start"),
    "drain": Field(Record(_DRAIN), "stop"),
}
_SELECTOR = {
    "namespace": Field(NAMESPACES, "of the processes; default: that of the document; * for all"),
    "service": Field(SERVICE, "the service that they are; without: all, and programs that only call others"),
    "tags": Field(TAGS, "own tags that they have"),
}
_POLICY = {
    "selector": Field(Selector(_SELECTOR), "which processes; without: all of the namespace"),
    "mode": Field(Choice(*MODES), "the mode in which they run", True),
    "percent": Field(PERCENT, "share of the instances; the others carry", default=100),
    "expires": Field(Instant(), "after this time the policy counts no more"),
}


def _kind(kind: str, note: str, fields: Mapping[str, Field]) -> Record:
    head = {
        "kind": Field(Choice(kind), note, True),
        "namespace": Field(NAMESPACE, "default: default", default="default"),
        "name": Field(NAME, "unique per kind and namespace", kind != "Mesh"),
    }
    return Record({**head, **fields})


KINDS: Mapping[str, Record] = {
    "Mesh": _kind("Mesh", "settings of a namespace, the same for the whole fleet", _MESH),
    "Lane": _kind("Lane", "instances beside the baseline, and who enters them", _LANE),
    "Alias": _kind("Alias", "legacy names and addresses of a mesh service", _ALIAS),
    "Route": _kind("Route", "narrows what the lane left", _ROUTE),
    "Lifecycle": _kind("Lifecycle", "start and stop of the instances of a service", _LIFECYCLE),
    "Policy": _kind("Policy", "the mode of the processes that it selects", _POLICY),
}
"""Every kind that is built."""

NOT_BUILT = ("Limit", "Resilience", "Guard", "Messaging", "Shadow")
"""Reserved kinds, refused with a code."""

MESH_NAME = "mesh"
"""The name of a Mesh document that gives none."""


def json_schema() -> Dict[str, Any]:
    """All kinds as one JSON Schema (draft 2020-12), for editors and for ``meshctl schema``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "meshrun rule document",
        "oneOf": [record.schema() for record in KINDS.values()],
    }


def key_order() -> List[str]:
    """Every key of every kind, in the order in which documents are written."""
    order: List[str] = []

    def visit(shape: object) -> None:
        if isinstance(shape, Items):
            visit(shape.item)
        if isinstance(shape, Record):
            for name, field in shape.fields.items():
                if name not in order:
                    order.append(name)
                visit(field.shape)

    for record in KINDS.values():
        visit(record)
    return order
