"""A part of a document as it stands in its text, together with what it means."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional

from .yamlnodes import Node


class Part:
    """A document, an item of a list, or a key of a mapping with its value.

    `value` is what the part means in the normal form; None: not known. Columns count from 1, offsets are characters.
    """

    def __init__(self, text: str, node: Node, value: Any, key: Optional[Node] = None) -> None:
        self.text, self.node, self.value = text, node, value
        head = node if key is None else key
        self.first, self.column = head.start, head.column
        self.end = extent(node)
        while self.end > self.first and text[self.end - 1] in "\r\n":  # a block scalar ends behind its last line
            self.end -= 1
        self.flow = node.kind in ("list", "mapping") and node.end > node.start
        """Whether it is a collection in brackets."""

    def items(self) -> List[Part]:
        """The items of a list."""
        known = self.value if isinstance(self.value, list) and len(self.value) == len(self.node.value) else None
        return [Part(self.text, item, known and known[place]) for place, item in enumerate(self.node.value)]

    def entries(self) -> Dict[str, Part]:
        """The entries of a mapping by key."""
        return {key.value: Part(self.text, value, self._meant(key.value), key) for key, value in self.node.value}

    def implied(self, name: str, other: Part) -> bool:
        """Whether the other mapping means the same by not having this key."""
        meant = self._meant(name)
        return meant is not None and meant == other._meant(name)

    def says(self, other: Part) -> bool:
        """Whether both mean the same, however they are written."""
        if "nothing" not in (self.node.kind, other.node.kind) and self.value is not None and other.value is not None:
            return bool(self.value == other.value)
        return same(self.node, other.node)

    def moved(self, column: int, *, flow: bool) -> Optional[str]:
        """The text of the part if it began at another column; None: it cannot stand inside brackets."""
        if flow and self.node.kind in ("list", "mapping") and not self.flow:
            return None
        first, *rest = self.text[self.first : self.end].split("\n")
        return "\n".join([first, *(_shifted(line, column - self.column) for line in rest)])

    def _meant(self, name: str) -> Any:
        """What the value of a key means. The normal form puts some lone mappings into a list."""
        mapping = self.value[0] if isinstance(self.value, list) and len(self.value) == 1 else self.value
        return mapping.get(name) if isinstance(mapping, dict) else None


def same(one: Node, two: Node) -> bool:
    """Whether two nodes are written alike, wherever they stand."""
    if one.kind != two.kind:
        return False
    if one.kind == "list":
        return len(one.value) == len(two.value) and all(map(same, one.value, two.value))
    if one.kind == "mapping":
        others = {key.value: value for key, value in two.value}
        return len(one.value) == len(others) and all(
            key.value in others and same(value, others[key.value]) for key, value in one.value
        )
    return bool(one.value == two.value)


def extent(node: Node) -> int:
    """The offset behind the last character of a node."""
    inner = [part for pair in node.value for part in pair] if node.kind == "mapping" else node.value
    if node.kind in ("mapping", "list") and inner:
        return max(node.end, *map(extent, inner))
    return node.end


def leaves(node: Node) -> Iterator[Node]:
    """The texts within a node."""
    if node.kind == "text":
        yield node
    elif node.kind in ("mapping", "list"):
        for inner in node.value:
            for part in inner if node.kind == "mapping" else (inner,):
                yield from leaves(part)


def _shifted(line: str, by: int) -> str:
    """The line with so many more spaces before it, or fewer as far as there are any."""
    words = line.lstrip(" ")
    return " " * (len(line) - len(words) + by) + words if words else line
