"""Rule documents: from text to validated normal forms, and the checks that need the whole set.

The normal form of a document is a JSON-able mapping: ``namespace`` and ``name`` always present, service names in their
shortest form, ``when`` a list of mappings from source to {operator: operand}, one-item shorthands written as lists.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Union

from .parsed import Parsed, identity
from .problem import Problem, RuleError, shorten, suggest
from .render import render
from .schema import KINDS, MESH_NAME, NOT_BUILT
from .setcheck import advice, set_problems
from .shape import Reading
from .yamlnodes import Node, place
from .yamltext import decode, read

__all__ = ["Parsed", "Problem", "RuleError", "advice", "check_set", "decode", "identity", "parse", "render"]

DEFAULT_NAMESPACE = "default"


def parse(text: Union[str, bytes], file: str, namespace: str = DEFAULT_NAMESPACE) -> Sequence[Parsed]:
    """The documents of a rule file. `namespace` is that of documents that name none.

    Bytes must be UTF-8. Offsets count characters of the decoded text. Raises `RuleError` with every problem found.
    """
    if isinstance(text, bytes):
        text = decode(text, file)
    problems: List[Problem] = []
    found: List[Parsed] = []
    for raw in read(text, file, problems):
        before = len(problems)
        document = _document(raw.root, file, namespace, problems)
        if document is not None and len(problems) == before:
            place = (raw.root.line, raw.start, raw.end, file, raw.root, raw.marker, raw.limit)
            found.append(Parsed(identity(document), document, *place))
    if problems:
        raise RuleError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return tuple(found)


def check_set(parsed: Iterable[Parsed]) -> None:
    """Check all documents of a store against each other; raises `RuleError` with every problem found."""
    problems = set_problems(parsed)
    if problems:
        raise RuleError(problems)


def _document(root: Node, file: str, namespace: str, problems: List[Problem]) -> Optional[Dict[str, Any]]:
    """The normal form of one document, or None: empty, or with problems that are noted."""
    reading = Reading(file, namespace, problems)
    kind = None if root.kind == "nothing" else _kind(root, reading)
    if kind is None:
        return None
    own = place(root, "namespace")
    if own is not root and own.kind == "text":
        reading = reading._replace(namespace=own.value)
    values = KINDS[kind].read(root, "", reading)
    values.setdefault("namespace", namespace)
    values.setdefault("name", MESH_NAME)
    _weights(values, root, reading)
    first = {name: values.pop(name) for name in ("kind", "namespace", "name")}
    return {**first, **values}


def _kind(root: Node, reading: Reading) -> Optional[str]:
    """The kind of a document if it is one that is built."""
    if root.kind != "mapping":
        reading.wrong(root, "", "a mapping with kind and name")
        return None
    node = place(root, "kind")
    if node is root or node.kind != "text":
        reading.say(root, "", "the key 'kind' is missing", "expected one of " + ", ".join(KINDS), "MR1010")
        return None
    kind = str(node.value)
    if kind in NOT_BUILT:
        reading.say(node, "", "the kind %s is reserved and not built yet" % kind, "remove the document", "MR1012")
    elif kind not in KINDS:
        reading.say(node, "", "unknown kind %s" % shorten(kind), suggest(kind, KINDS), "MR1011")
    return kind if kind in KINDS else None


def _weights(values: Mapping[str, Any], root: Node, reading: Reading) -> None:
    """Refuse a route rule none of whose destinations can be drawn."""
    for number, rule in enumerate(values.get("rules") or () if values["kind"] == "Route" else ()):
        destinations = (rule or {}).get("to") or ()
        if destinations and all(item is not None and item.get("weight", 1) == 0 for item in destinations):
            key = "rules[%d].to" % number
            reading.say(place(root, key), key, "every weight is 0", "give one of them a weight above 0")
