"""The forms of conditions in documents: sources, operators, operands; what they mean is in `when`."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Optional

from .forms import WORD
from .problem import shorten, suggest
from .regex import refusal
from .shape import Flag, Items, Number, Reading, Shape, Table, Text
from .when import BARE, FOLDED, KEYED, OPERATORS
from .yamlnodes import Node


class SourceName(Shape):
    """``header.NAME``, ``path`` and so on; keys that do not mind case are folded."""

    _token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}").fullmatch
    _word = re.compile(WORD).fullmatch

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[str]:
        if node.kind != "text":
            return reading.wrong(node, key, "a source such as header.x-user-id or path")
        kind, dot, name = node.value.partition(".")
        known = KEYED + BARE
        if kind == "topic":
            return reading.say(node, key, "the source topic is not built yet", "use another source", "MR1012")
        if kind not in known:
            mend = suggest(kind, known)
            return reading.say(node, key, "unknown source %s" % shorten(node.value), mend, "MR1020")
        if kind in BARE and dot:
            return reading.say(node, key, "%s takes no key" % kind, "write %s" % kind, "MR1020")
        good = kind in BARE or (self._token if kind in ("header", "query", "cookie") else self._word)(name)
        if not good:
            what = "%s needs a key, not %s" % (kind, shorten(name))
            return reading.say(node, key, what, "write for example %s.x-user" % kind, "MR1020")
        return "%s.%s" % (kind, name.lower()) if kind in FOLDED else str(node.value)

    def _schema(self) -> Dict[str, Any]:
        return {"type": "string", "pattern": r"^(?:(?:%s)\..{1,128}|%s)$" % ("|".join(KEYED), "|".join(BARE))}


class Pattern(Text):
    """A regular expression of the vetted subset, matched against the whole value."""

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[str]:
        text = super()._read(node, key, reading)
        why = None if text is None else refusal(text)
        if why:
            mend = "simplify it, or use exact, in, prefix or suffix"
            return reading.say(node, key, "the pattern %s is refused: %s" % (shorten(text), why), mend, "MR1022")
        return text


class Range(Items):
    """[low, high], both included."""

    def __init__(self) -> None:
        super().__init__(Number(-1e15, 1e15), 2, 2)

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[List[Any]]:
        bounds = super()._read(node, key, reading)
        if bounds and None not in bounds and bounds[0] > bounds[1]:
            return reading.say(node, key, "the range is empty", "write the lower bound first")
        return bounds


VALUE = Text("text of at most 1024 characters")
_OPERANDS: Mapping[str, Shape] = {
    "exact": VALUE,
    "not": VALUE,
    "in": Items(VALUE),
    "not_in": Items(VALUE),
    "prefix": VALUE,
    "suffix": VALUE,
    "regex": Pattern("a regular expression"),
    "range": Range(),
    "present": Flag(),
}


class Test(Shape):
    """What is asked of one source: ``{operator: operand}``; a bare value means ``exact``."""

    def _read(self, node: Node, key: str, reading: Reading) -> Optional[Dict[str, Any]]:
        if node.kind == "text":
            value = VALUE.read(node, key, reading)
            return None if value is None else {"exact": value}
        if node.kind == "list":
            return reading.wrong(node, key, "a value or an operator such as { in: [...] }")
        if node.kind != "mapping" or not node.value:
            return reading.wrong(node, key, "a value or one of the operators " + ", ".join(OPERATORS))
        tests: Dict[str, Any] = {}
        for name, value in node.value:
            shape = _OPERANDS.get(name.value)
            if shape is None:
                mend = suggest(name.value, OPERATORS)
                reading.say(name, key, "unknown operator %s" % shorten(name.value), mend, "MR1021")
            else:
                tests[name.value] = shape.read(value, "%s.%s" % (key, name.value), reading)
        return {op: tests[op] for op in OPERATORS if op in tests}

    def _schema(self) -> Dict[str, Any]:
        properties = {op: shape.schema() for op, shape in _OPERANDS.items()}
        form = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
        return {"anyOf": [VALUE.schema(), form]}


WHEN = Items(Table(SourceName(), Test(), 0, 64), single=True)
"""A mapping whose entries must all hold, or a list of mappings of which any suffices."""
STICKY = SourceName()
