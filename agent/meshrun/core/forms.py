"""The forms of rule values that know the mesh: names, services, hosts, tags, times, fallbacks."""

from __future__ import annotations

import re
from typing import Any, Dict, Optional

from .instant import epoch, written
from .problem import shorten, suggest
from .rules import EVERY
from .shape import Choice, Items, Number, Reading, Record, Shape, Table, Text
from .yamlnodes import Node, place

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
WORD = r"[A-Za-z0-9._-]{1,64}"
"""Keys and values of colours and tags."""
NAME = Text("a name: letters, digits, ., _ and -, at most 63", r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
NAMESPACE = Text("a namespace: letters, digits, - and _, at most 63", _LABEL)
NAMESPACES = Text("a namespace, or * for all of them", r"%s|%s" % (re.escape(EVERY), _LABEL))
KEY = Text("a key: 1 to 64 of A-Z a-z 0-9 . _ -", WORD, fold=True)
TAGS = Table(KEY, Text("a value: 1 to 64 of A-Z a-z 0-9 . _ -", WORD))
SECONDS = Number(0, 86_400, "seconds")
PERCENT = Number(0, 100, "percent")
PATH = Text("a path that begins with /", r"/[\x21-\x7e]{0,1023}")


class Service(Shape):
    """``name`` of the document's own namespace, or ``name.namespace``; the normal form is the shorter one."""

    expected = "a service: name or name.namespace, letters, digits, - and _"

    def __init__(self) -> None:
        self._match = re.compile(r"(%s)(?:\.(%s))?" % (_LABEL, _LABEL)).fullmatch

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[str]:
        if node.kind != "text":
            return reading.wrong(node, key, self.expected)
        found = self._match(node.value)
        if not found:
            return reading.say(node, key, "%s is not allowed" % shorten(node.value), "expected " + self.expected)
        return str(found.group(1) if found.group(2) == reading.namespace else node.value)

    def _schema(self) -> Dict[str, Any]:
        pattern = r"^%s(?:\.%s)?$" % (_LABEL, _LABEL)
        return {"type": ["string", "number"], "pattern": pattern, "description": self.expected}


SERVICE = Service()
SERVICES = Items(SERVICE, single=True)
_PORT = r"(?:6553[0-5]|655[0-2]\d|65[0-4]\d{2}|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3})"
HOST = Text(
    "a host or host:port",
    r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::%s)?" % _PORT,
    fold=True,
)


class Selector(Record):
    """Which processes a Policy is about. Its service is one of its own namespace, if it names one."""

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[Dict[str, Any]]:
        own = place(node, "namespace")
        if own is not node and own.kind == "text":
            reading = reading._replace(namespace=own.value)
        found = super()._read(node, key, reading)
        if found and "namespace" in found and "." in (found.get("service") or ""):
            what = "the service %s is not of the namespace %s" % (found["service"], shorten(own.value))
            return reading.say(place(node, "service"), key + ".service", what, "leave one of the two out")
        return found


class Instant(Shape):
    """A point in time, RFC 3339; the normal form is UTC in whole seconds."""

    expected = "a time with a zone, such as 2027-01-01T00:00:00Z"

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[str]:
        seconds = epoch(node.value) if node.kind == "text" else None
        if seconds is None:
            return reading.wrong(node, key, self.expected)
        return written(seconds)

    def _schema(self) -> Dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class Fallback(Shape):
    """``baseline``, ``strict``, a list of lanes that ends in one of these, or a mapping with ``default``."""

    _ends = Choice("baseline", "strict")

    def __init__(self) -> None:
        self._names = Items(NAME, 1, 16)

    def _read(self, node: Node, key: str, reading: Reading) -> Any:
        if node.kind != "mapping":
            return self._chain(node, key, reading)
        found: Dict[str, Any] = {}
        for name, value in node.value:
            path = "%s.%s" % (key, name.value)
            if name.value == "default":
                found["default"] = self._chain(value, path, reading)
            elif name.value in self._ends.words:
                found[name.value] = SERVICES.read(value, path, reading)
            else:
                mend = suggest(name.value, ("default", *self._ends.words))
                reading.say(name, key, "unknown key %s" % shorten(name.value), mend, "MR1013")
        both = set(found.get("strict") or ()) & set(found.get("baseline") or ())
        if both:
            reading.say(node, key, "%s is both strict and baseline" % shorten(min(both)), "keep one")
        return {name: found[name] for name in ("default", "strict", "baseline") if name in found}

    def _chain(self, node: Node, key: str, reading: Reading) -> Any:
        if node.kind != "list":
            return self._ends.read(node, key, reading)
        names = self._names.read(node, key, reading)
        if not names or None in names:
            return None
        if names[-1] not in self._ends.words or set(names[:-1]) & set(self._ends.words):
            mend = "add one of them at its end, and only there"
            return reading.say(node, key, "the list does not end in baseline or strict", mend)
        if len(set(names)) < len(names):
            return reading.say(node, key, "a lane stands twice", "keep its first place")
        return names[0] if len(names) == 1 else names

    def _schema(self) -> Dict[str, Any]:
        chain = {"anyOf": [self._ends.schema(), self._names.schema()]}
        properties: Dict[str, Any] = {"default": chain}
        properties.update({end: SERVICES.schema() for end in self._ends.words})
        return {"anyOf": chain["anyOf"] + [{"type": "object", "properties": properties, "additionalProperties": False}]}
