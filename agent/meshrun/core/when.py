"""Conditions: what ``when`` may say, in one table, and how its normal form becomes the form that decisions read."""

from __future__ import annotations

import re
from typing import Any, List, Mapping, Optional, Sequence

from .rules import Condition, Source, When

KEYED = ("header", "query", "cookie", "colour", "tag")
"""Sources that are followed by a key: ``header.x-user-id``."""
BARE = ("path", "method", "host", "caller", "service")
"""Sources that stand alone."""
FOLDED = frozenset(("header", "colour", "tag"))
"""Sources whose keys do not mind case."""
OPERATORS = ("exact", "not", "in", "not_in", "prefix", "suffix", "regex", "range", "present")

ALWAYS: When = ((),)


def source(text: str) -> Source:
    """The source that a valid text such as ``header.x-user-id`` names."""
    kind, _, key = text.partition(".")
    return Source(kind, key.lower() if kind in FOLDED else key)


def build(normal: Optional[Sequence[Mapping[str, Mapping[str, Any]]]], namespace: str) -> When:
    """The form for decisions of a normal form: a list of mappings from source to {operator: operand}.

    `namespace` is that of services (``caller``, ``service``) that are named without one.
    """
    if not normal:
        return ALWAYS
    return tuple(tuple(_conditions(item, namespace)) for item in normal)


def _conditions(item: Mapping[str, Mapping[str, Any]], namespace: str) -> List[Condition]:
    found = []
    for text, tests in item.items():
        where = source(text)
        found += [Condition(where, op, _operand(where.kind, op, value, namespace)) for op, value in tests.items()]
    return found


def _operand(kind: str, op: str, value: Any, namespace: str) -> object:
    if op in ("exact", "not"):
        return _whole(kind, value, namespace)
    if op in ("in", "not_in"):
        return frozenset(_whole(kind, one, namespace) for one in value)
    if op == "regex":
        return re.compile(value)
    if op == "range":
        return (float(value[0]), float(value[1]))
    return value.lower() if kind == "host" and op != "present" else value


def _whole(kind: str, value: str, namespace: str) -> str:
    """A whole value in the spelling that facts have it: services with their namespace, hosts in lower case."""
    if kind in ("caller", "service") and value and "." not in value:
        return value + "." + namespace
    return value.lower() if kind == "host" else value
