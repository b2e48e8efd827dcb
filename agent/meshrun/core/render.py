"""Writes a normal form as YAML text that people like to read and that parses back to the same normal form."""

from __future__ import annotations

import json
import re
from typing import Any, List, Mapping

from .schema import MESH_NAME, key_order

_ORDER = {name: number for number, name in enumerate(key_order())}
# Plain words that every YAML version reads as text or that our forms read as they stand; all else is quoted.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*")
_WORDS = frozenset(["true", "false", "yes", "no", "on", "off", "null", "y", "n"])
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_ESCAPED = re.compile("[\x00-\x1f\x7f-\xa0\xad\u2028\u2029\ufeff]")
_WIDTH = 110


def render(document: Mapping[str, Any]) -> str:
    """The YAML text of a normal form, without a document marker, with a line break at its end."""
    shown = dict(document)
    if shown.get("namespace") == "default":
        del shown["namespace"]
    if shown["kind"] == "Mesh" and shown.get("name") == MESH_NAME:
        del shown["name"]
    return "\n".join(_mapping(_short(shown), 0)) + "\n"


def _short(value: Any) -> Any:
    """The value with each ``when`` of one item and each lone ``exact`` test in its short form."""
    if isinstance(value, dict):
        return {
            name: _when(inner) if name == "when" and isinstance(inner, list) else _short(inner)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_short(item) for item in value]
    return value


def _when(items: Any) -> Any:
    short = [
        {source: test["exact"] if list(test) == ["exact"] else test for source, test in item.items()} for item in items
    ]
    return short[0] if len(short) == 1 else short


def _sorted(value: Mapping[str, Any]) -> List[str]:
    return sorted(value, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))


def _mapping(value: Mapping[str, Any], indent: int) -> List[str]:
    lines: List[str] = []
    for name in _sorted(value):
        lines += _entry(" " * indent + _key(name) + ":", value[name], indent + 2)
    return lines


def _entry(head: str, value: Any, indent: int) -> List[str]:
    """A key with its value: on one line if it fits, else as a block."""
    flow = _flow(value)
    block = isinstance(value, (dict, list)) and value
    if not block or (len(head) + 1 + len(flow) <= _WIDTH and not _deep(value)):
        return [head + " " + flow]
    if isinstance(value, dict):
        return [head, *_mapping(value, indent)]
    return [head, *_items(value, indent)]


def _items(value: List[Any], indent: int) -> List[str]:
    lines: List[str] = []
    for item in value:
        flow = _flow(item)
        if not isinstance(item, dict) or not item or len(flow) + indent + 2 <= _WIDTH:
            lines.append(" " * indent + "- " + flow)
            continue
        inner = _mapping(item, indent + 2)
        inner[0] = " " * indent + "- " + inner[0].lstrip()
        lines += inner
    return lines


def _deep(value: Any) -> bool:
    """Lists of mappings read better as a block, however short."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join("%s: %s" % (_key(name), _flow(value[name])) for name in _sorted(value))
        return "{ %s }" % inner if inner else "{}"
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(map(_flow, value))
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _key(name: str) -> str:
    return name if name in _ORDER else _text(name)


def _text(value: str) -> str:
    if _TIME.fullmatch(value) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return value
    return _ESCAPED.sub(lambda found: "\\u%04x" % ord(found.group()), json.dumps(value, ensure_ascii=False))
