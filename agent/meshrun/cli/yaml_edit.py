"""Changes single values in the YAML text of a document and leaves the rest, comments and layout, as it stands."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

from ..core import yamltext
from ..core.problem import Problem
from ..core.yamlnodes import Node


class Change(NamedTuple):
    """Characters to replace; text is inserted where `start` equals `end`."""

    start: int
    end: int
    text: str


def root_of(text: str) -> Optional[Node]:
    """The mapping that a text of exactly one document holds, or None."""
    problems: List[Problem] = []
    documents = list(yamltext.read(text, "", problems))
    documents = [document for document in documents if document.root.kind != "nothing"]
    if len(documents) != 1 or problems or documents[0].root.kind != "mapping":
        return None
    return documents[0].root


def get(node: Node, key: str) -> Optional[Node]:
    """The value of a key of a mapping; None where there is none or it is empty."""
    for name, value in node.value if node.kind == "mapping" else ():
        if name.value == key and value.kind != "nothing":
            return value if isinstance(value, Node) else None
    return None


def is_flow(text: str, node: Node) -> bool:
    """Whether a collection is written in brackets. Only then is its end known."""
    return node.kind in ("list", "mapping") and node.end > node.start + 1 and text[node.start] in "[{"


def changed(text: str, changes: Sequence[Optional[Change]]) -> Optional[str]:
    """The text with all changes, or None if one of them is not possible."""
    known = [change for change in changes if change is not None]
    if len(known) != len(changes):
        return None
    for change in sorted(known, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def append(text: str, node: Node, flow: str, block: str) -> Optional[Change]:
    """A further entry behind the last one of a collection: inside the brackets, or `block` on a line of its own."""
    last = _last(text, node)
    if last is None:
        return None
    if is_flow(text, node):
        return Change(last.end, last.end, ", " + flow)
    end = text.find("\n", last.end)
    end = len(text) if end < 0 else end
    return Change(end, end, "\n" + block)


def dash_column(text: str, items: Node) -> Optional[int]:
    """The column, from 0, of the dashes of a list that is not in brackets."""
    first = items.value[0].start
    dash = text.rfind("-", 0, first)
    if dash < 0 or text[dash + 1 : first].strip(" "):
        return None
    return dash - text.rfind("\n", 0, dash) - 1


def with_namespace(text: str, namespace: str) -> str:
    """The text of one document with ``namespace`` written in, if it names none. The text must hold one mapping."""
    root = root_of(text)
    if root is None or get(root, "namespace") is not None:
        return text
    if is_flow(text, root):
        return text[: root.start + 1] + "namespace: %s, " % namespace + text[root.start + 1 :]
    indent = " " * (root.start - text.rfind("\n", 0, root.start) - 1)
    return text[: root.start] + "namespace: %s\n%s" % (namespace, indent) + text[root.start :]


def plain(node: Node) -> object:
    """A node as plain values; texts stay texts."""
    if node.kind == "mapping":
        return {name.value: plain(value) for name, value in node.value}
    if node.kind == "list":
        return [plain(item) for item in node.value]
    return node.value


def _last(text: str, node: Node) -> Optional[Node]:
    """The last part of a collection whose end is known: a text or a collection in brackets."""
    while node.kind in ("list", "mapping") and node.value:
        node = node.value[-1] if node.kind == "list" else node.value[-1][1]
        if node.kind == "text" or is_flow(text, node):
            return node
    return None
