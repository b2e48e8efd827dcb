"""Changes one document inside its text as little as possible, so that the comments of whoever wrote it stay."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from .yamlnodes import Node


class Cut(NamedTuple):
    """Replace the characters from `start` to `end` by `text`."""

    start: int
    end: int
    text: str


def cut(text: str, cuts: List[Cut]) -> str:
    """The text after all cuts, which must not overlap."""
    for one in sorted(cuts, reverse=True):
        text = text[: one.start] + one.text + text[one.end :]
    return text


def patches(old: Node, old_text: str, new: Node, new_text: str) -> Optional[List[Cut]]:
    """Cuts that turn the old document into the new one, key by key; None: better replace it as a whole.

    The caller parses the result again and replaces the whole document if it does not say what it should.
    """
    if old.kind != "mapping" or new.kind != "mapping" or old.column != 1 or new.column != 1:
        return None
    if "{" in (old_text[old.start : old.start + 1], new_text[new.start : new.start + 1]):
        return None
    wanted: Dict[str, Tuple[Node, Node]] = {key.value: (key, value) for key, value in new.value}
    cuts: List[Cut] = []
    end = old.start
    for key, value in old.value:
        entry = wanted.pop(key.value, None)
        if entry is None:
            cuts.append(Cut(key.start, _next_line(old_text, extent(value)), ""))
            continue
        end = extent(value)
        if not same(value, entry[1]):
            cuts += _scalars(value, entry[1], new_text) or [
                Cut(key.start, end, new_text[entry[0].start : extent(entry[1])])
            ]
    added = "".join("\n" + new_text[key.start : extent(value)] for key, value in wanted.values())
    if added:
        behind = end + len(old_text[end:].split("\n", 1)[0].rstrip("\r"))
        cuts.append(Cut(behind, behind, added))
    return cuts


def same(one: Node, two: Node) -> bool:
    """Whether two nodes say the same, wherever they stand."""
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


def _scalars(old: Node, new: Node, new_text: str) -> Optional[List[Cut]]:
    """Cuts of single values, if nothing else differs."""
    if old.kind == new.kind == "text":
        return [] if old.value == new.value else [Cut(old.start, old.end, new_text[new.start : new.end])]
    if old.kind != new.kind or old.kind not in ("list", "mapping") or len(old.value) != len(new.value):
        return None
    pairs = list(zip(old.value, new.value))
    if old.kind == "mapping":
        others = {key.value: value for key, value in new.value}
        if any(key.value not in others for key, _ in old.value):
            return None
        pairs = [(value, others[key.value]) for key, value in old.value]
    cuts: List[Cut] = []
    for one, two in pairs:
        found = _scalars(one, two, new_text)
        if found is None:
            return None
        cuts += found
    return cuts


def _next_line(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1
