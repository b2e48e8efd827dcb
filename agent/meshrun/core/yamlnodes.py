"""Builds nodes with positions from the events of one YAML document, without recursion and within bounds."""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .._needed import yaml
from .problem import Problem, shorten

MAX_DEPTH = 24
MAX_ALIASED = 10_000
"""Nodes that aliases may add to one document."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")
_NOTHING = frozenset(("", "~", "null", "Null", "NULL"))


class Node(NamedTuple):
    """A value of a document with its place (line and column count from 1)."""

    kind: str  # text | list | mapping | nothing
    value: Any  # str | list of Node | list of (Node, Node) | None
    line: int
    column: int
    start: int = 0  # character offsets in the whole text; `end` of a block collection is its start
    end: int = 0


class _Open(NamedTuple):
    """A collection whose end has not been seen yet."""

    kind: str
    value: List[Any]
    start: Any  # the event that opened it
    keys: Dict[str, int]  # of a mapping: key -> line
    pending: List[Node]  # of a mapping: a key that waits for its value
    before: int  # nodes of the document before this one


class _Refused(Exception):
    """The document cannot be read further; its problem is noted."""


class Composer:
    """Builds the nodes of one stretch of text, without recursion and within bounds."""

    def __init__(self, text: str, file: str, line: int, column: int, shift: int, problems: List[Problem]) -> None:
        self.text, self.file, self.problems = text, file, problems
        self.line, self.column, self.shift = line, column, shift
        self.stack: List[_Open] = []
        self.anchors: Dict[str, Tuple[Optional[Node], int]] = {}
        self.root: Optional[Node] = None
        self.count = self.aliased = 0
        self.start, self.end, self.good = -1, -1, True

    def document(self) -> Optional[Tuple[Node, int, int]]:
        """Root, start and end of the content; None: no content, or a problem that is noted."""
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            for event in yaml.parse(self.text, Loader=loader):
                self._take(type(event).__name__, event)
        except _Refused:
            return None
        except (yaml.YAMLError, ValueError) as error:  # ValueError: the pure Python scanner on "\UFFFFFFFF"
            self._syntax(error)
            return None
        if self.root is None or not self.good:
            return None
        return self.root, self.start, self.end

    def _take(self, event: str, data: Any) -> None:
        if event == "ScalarEvent":
            self._tag(data)
            self._see(data, data.end_mark.index)
            kind = "nothing" if not data.style and data.value in _NOTHING else "text"
            if kind == "text" and _CONTROL.search(data.value):
                what = "%s holds a control character or a line break" % shorten(data.value)
                self._note(data, what, "write it on one line", "MR1001")
            node = self._node(kind, None if kind == "nothing" else data.value, data, data.end_mark.index)
            self._anchor(data.anchor, node, self.count)
            self._add(node)
        elif event in ("MappingStartEvent", "SequenceStartEvent"):
            self._open("mapping" if event == "MappingStartEvent" else "list", data)
        elif event in ("MappingEndEvent", "SequenceEndEvent"):
            done = self.stack.pop()
            end = done.start.start_mark.index
            if data.end_mark.index > data.start_mark.index:  # a flow collection: block ones end at the next token
                end = data.end_mark.index
                self._see(data, end)
            node = self._node(done.kind, done.value, done.start, end)
            self._anchor(done.start.anchor, node, done.before)
            self._add(node)
        elif event == "AliasEvent":
            self._alias(data)

    def _open(self, kind: str, data: Any) -> None:
        self._tag(data)
        self._see(data, data.start_mark.index)
        if len(self.stack) >= MAX_DEPTH:
            self._refuse(data, "more than %d levels deep" % MAX_DEPTH, "flatten the document", "MR1003")
        if data.anchor:
            self.anchors[data.anchor] = (None, 0)
        self.stack.append(_Open(kind, [], data, {}, [], self.count))

    def _alias(self, data: Any) -> None:
        self._see(data, data.end_mark.index)
        node, size = self.anchors.get(data.anchor, (None, 0))
        if node is None:
            what = "the alias *%s stands for nothing that is complete here" % shorten(data.anchor)[1:-1]
            self._refuse(data, what, "write the value itself", "MR1003")
            return
        self.aliased += size
        self.count += size
        if self.aliased > MAX_ALIASED or len(self.stack) + _depth(node) > MAX_DEPTH:
            self._refuse(data, "aliases make the document too large", "write the values themselves", "MR1003")
        self._add(node._replace(line=self._line(data), column=self._column(data)))

    def _add(self, node: Node) -> None:
        """Put a complete node where it belongs."""
        self.count += 1
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if top.kind == "list":
            top.value.append(node)
        elif top.pending:
            top.value.append((top.pending.pop(), node))
        else:
            self._key(top, node)

    def _key(self, top: _Open, node: Node) -> None:
        top.pending.append(node)
        if node.kind != "text":
            self._say(node.line, node.column, "a key must be text", "write a word before the colon", "MR1015")
        elif node.value in top.keys:
            what = "the key %s stands twice; the first is on line %d" % (shorten(node.value), top.keys[node.value])
            self._say(node.line, node.column, what, "remove one of them", "MR1005")
        else:
            top.keys[node.value] = node.line

    def _anchor(self, name: Optional[str], node: Node, before: int) -> None:
        if name:
            self.anchors[name] = (node, self.count - before + 1)

    def _tag(self, data: Any) -> None:
        if data.tag is not None:
            self._note(data, "the tag %s is not allowed" % shorten(data.tag), "remove it", "MR1004")

    def _see(self, data: Any, end: int) -> None:
        if self.start < 0:
            self.start = data.start_mark.index + self.shift
        self.end = max(self.end, end + self.shift)

    def _node(self, kind: str, value: Any, data: Any, end: int) -> Node:
        start = data.start_mark.index + self.shift
        return Node(kind, value, self._line(data), self._column(data), start, end + self.shift)

    def _line(self, data: Any) -> int:
        return int(self.line + data.start_mark.line)

    def _column(self, data: Any) -> int:
        return int(data.start_mark.column + 1 + (self.column if data.start_mark.line == 0 else 0))

    def _say(self, line: int, column: int, what: str, mend: str, code: str) -> None:
        self.good = False
        self.problems.append(Problem(self.file, line, column, "", what, mend, code))

    def _note(self, data: Any, what: str, mend: str, code: str) -> None:
        self._say(self._line(data), self._column(data), what, mend, code)

    def _refuse(self, data: Any, what: str, mend: str, code: str) -> None:
        self._note(data, what, mend, code)
        raise _Refused

    def _syntax(self, error: Exception) -> None:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line, column = (0, 0) if mark is None else (mark.line, mark.column)
        said = [word for word in (getattr(error, "context", None), getattr(error, "problem", None)) if word]
        column += 1 + (self.column if line == 0 else 0)
        what = "not YAML: " + (", ".join(said) or str(error))
        self._say(self.line + line, column, what, "check indentation, colons, brackets and quotes here", "MR1002")


def _depth(node: Node) -> int:
    """Levels of a node; shared parts were bounded when they were read."""
    if node.kind == "mapping":
        return 1 + max((_depth(value) for _, value in node.value), default=0)
    if node.kind == "list":
        return 1 + max(map(_depth, node.value), default=0)
    return 0


def plain(node: Node) -> Any:
    """A node as plain values; texts stay texts."""
    if node.kind == "mapping":
        return {key.value: plain(value) for key, value in node.value}
    if node.kind == "list":
        return [plain(item) for item in node.value]
    return node.value


def place(root: Node, key: str) -> Node:
    """The node at a path such as ``rules[0].to``; as far as the path can be followed."""
    node = root
    for step in key.replace("[", ".").replace("]", "").split("."):
        if node.kind == "list" and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
        elif node.kind == "mapping":
            node = next((value for name, value in node.value if name.value == step), node)
    return node
