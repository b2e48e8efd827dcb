"""The forms of values in rule documents: each reads a node into its normal form and describes itself as JSON Schema.

A form that finds something wrong notes it and answers None, so that one pass names every problem of a document.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Union

from .problem import Problem, shorten, suggest
from .yamlnodes import Node

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_NAMES = {"text": "text", "list": "a list", "mapping": "a mapping", "nothing": "nothing"}

TRUE = frozenset(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"))
FALSE = frozenset(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"))


class Reading(NamedTuple):
    """One document under way: whose it is, and what is wrong with it so far."""

    file: str
    namespace: str
    problems: List[Problem]

    def say(self, node: Node, key: str, what: str, mend: str, code: str = "MR1016") -> None:
        """Note a problem at the place of a node."""
        where = " in " + key if key else ""
        self.problems.append(Problem(self.file, node.line, node.column, key, what + where, mend, code))

    def wrong(self, node: Node, key: str, expected: str) -> None:
        """Note that a node has another type than the one expected."""
        found = shorten(node.value) if node.kind == "text" else _NAMES[node.kind]
        self.say(node, key, "found " + found, "expected " + expected, "MR1015")


class Shape(ABC):
    """A form of values."""

    def read(self, node: Node, key: str, reading: Reading) -> Any:
        """The normal, JSON-able form of a node, or None after noting what is wrong. `key`: its path."""
        return self._read(node, key, reading)

    def schema(self) -> Dict[str, Any]:
        """The form as JSON Schema."""
        return self._schema()

    @abstractmethod
    def _read(self, node: Node, key: str, reading: Reading) -> Any: ...

    @abstractmethod
    def _schema(self) -> Dict[str, Any]: ...


class Text(Shape):
    """Text that matches a pattern, folded to lower case on demand. Numbers and words like ``on`` are text here too."""

    def __init__(self, expected: str, pattern: str = r"[\s\S]{0,1024}", fold: bool = False) -> None:
        self.expected, self.pattern, self.fold = expected, pattern, fold
        self._match = re.compile(pattern).fullmatch

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[str]:
        if node.kind != "text":
            return reading.wrong(node, key, self.expected)
        if not self._match(node.value):
            return reading.say(node, key, "%s is not allowed" % shorten(node.value), "expected " + self.expected)
        return str(node.value.lower() if self.fold else node.value)

    def _schema(self) -> Dict[str, Any]:
        types = ["string", "number", "boolean"]
        return {"type": types, "pattern": "^(?:%s)$" % self.pattern, "description": self.expected}


class Choice(Shape):
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[str]:
        if node.kind == "text" and node.value in self.words:
            return str(node.value)
        if node.kind != "text":
            return reading.wrong(node, key, "one of " + ", ".join(self.words))
        return reading.say(node, key, "%s is not allowed" % shorten(node.value), suggest(node.value, self.words))

    def _schema(self) -> Dict[str, Any]:
        return {"enum": list(self.words)}


class Flag(Shape):
    """True or false."""

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[bool]:
        if node.kind == "text" and node.value in TRUE | FALSE:
            return node.value in TRUE
        return reading.wrong(node, key, "true or false")

    def _schema(self) -> Dict[str, Any]:
        return {"type": "boolean"}


class Number(Shape):
    """A number within bounds; without a fraction when `whole`."""

    def __init__(self, low: float, high: float, unit: str = "", whole: bool = False) -> None:
        self.low, self.high, self.whole = low, high, whole
        sort = "a whole number" if whole else "a number"
        self.expected = "%s from %.15g to %.15g%s" % (sort, low, high, unit and " " + unit)

    def _read(self, node: Node, key: str, reading: Reading) -> Union[int, float, None]:
        if node.kind != "text" or not _NUMBER.fullmatch(node.value):
            return reading.wrong(node, key, self.expected)
        value = float(node.value)
        if not self.low <= value <= self.high or (self.whole and not value.is_integer()):
            return reading.say(node, key, "%s is not allowed" % shorten(node.value), "expected " + self.expected)
        return int(value) if value.is_integer() else value

    def _schema(self) -> Dict[str, Any]:
        return {"type": "integer" if self.whole else "number", "minimum": self.low, "maximum": self.high}


class Items(Shape):
    """A list of at least `least` and at most `most` items; with `single`, one item may stand without brackets."""

    def __init__(self, item: Shape, least: int = 1, most: int = 10_000, single: bool = False) -> None:
        self.item, self.least, self.most, self.single = item, least, most, single

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[List[Any]]:
        if node.kind != "list" and self.single and node.kind != "nothing":
            item = self.item.read(node, key, reading)
            return None if item is None else [item]
        if node.kind != "list":
            return reading.wrong(node, key, "a list")
        if not self.least <= len(node.value) <= self.most:
            return reading.say(node, key, "%d items" % len(node.value), "expected %d to %d" % (self.least, self.most))
        return [self.item.read(item, "%s[%d]" % (key, number), reading) for number, item in enumerate(node.value)]

    def _schema(self) -> Dict[str, Any]:
        item = self.item.schema()
        form = {"type": "array", "items": item, "minItems": self.least, "maxItems": self.most}
        return {"anyOf": [item, form]} if self.single else form


class Table(Shape):
    """A mapping whose keys users choose; sorted by key in its normal form."""

    def __init__(self, key: Shape, value: Shape, least: int = 1, most: int = 16) -> None:
        self.key, self.value, self.least, self.most = key, value, least, most

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[Dict[str, Any]]:
        if node.kind != "mapping":
            return reading.wrong(node, key, "a mapping")
        if not self.least <= len(node.value) <= self.most:
            return reading.say(node, key, "%d entries" % len(node.value), "expected %d to %d" % (self.least, self.most))
        found: Dict[str, Any] = {}
        for name, value in node.value:
            folded = self.key.read(name, key, reading)
            if folded in found:
                reading.say(name, key, "the key %s stands twice but for case" % shorten(folded), "remove one", "MR1005")
            elif folded is not None:
                found[folded] = self.value.read(value, "%s.%s" % (key, folded), reading)
        return dict(sorted(found.items()))

    def _schema(self) -> Dict[str, Any]:
        form: Dict[str, Any] = {"type": "object", "minProperties": self.least, "maxProperties": self.most}
        return dict(form, propertyNames=self.key.schema(), additionalProperties=self.value.schema())


class Field(NamedTuple):
    """One key of a record."""

    shape: Shape
    note: str
    required: bool = False
    default: Any = None


class Record(Shape):
    """A mapping with known keys, in their order in its normal form."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self.fields = fields
        self._required = [name for name, field in fields.items() if field.required]

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[Dict[str, Any]]:
        if node.kind != "mapping":
            return reading.wrong(node, key, "a mapping with " + ", ".join(self.fields))
        values: Dict[str, Any] = {}
        for name, value in node.value:
            field = self.fields.get(name.value)
            path = "%s.%s" % (key, name.value) if key else name.value
            if field is None:
                what = "unknown key %s" % shorten(name.value)
                reading.say(name, key, what, suggest(name.value, self.fields), "MR1013")
            else:
                values[name.value] = field.shape.read(value, path, reading)
        for name in self._required:
            if name not in values:
                reading.say(node, key, "the key %r is missing" % name, self.fields[name].note, "MR1014")
        return {name: values[name] for name in self.fields if name in values}

    def _schema(self) -> Dict[str, Any]:
        properties = {}
        for name, field in self.fields.items():
            properties[name] = dict(field.shape.schema(), description=field.note)
            if field.default is not None:
                properties[name]["default"] = field.default
        form: Dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        return dict(form, required=self._required) if self._required else form
