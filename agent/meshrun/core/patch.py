"""Changes one document inside its text as little as possible, so that the comments of whoever wrote it stay."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence

from .parsed import Parsed
from .part import Part


class Cut(NamedTuple):
    """Replace the characters from `start` to `end` by `text`."""

    start: int
    end: int
    text: str


Cuts = Optional[List[Cut]]
"""None: the part cannot be changed inside; it is better replaced as a whole."""


def cut(text: str, cuts: Sequence[Cut]) -> str:
    """The text after all cuts, which must not overlap. What goes in at one place goes in by the order of the cuts."""
    for _, one in sorted(enumerate(cuts), key=lambda each: (each[1].start, each[1].end, each[0]), reverse=True):
        text = text[: one.start] + one.text + text[one.end :]
    return text


def patches(old: Parsed, old_text: str, new: Parsed, new_text: str) -> Cuts:
    """Cuts that turn the old document into the new one; what means the same stays as it is written.

    The caller parses the result again and replaces the whole document if it does not say what it should.
    """
    return _inside(Part(old_text, old.root, old.document), Part(new_text, new.root, new.document))


def _inside(old: Part, new: Part) -> Cuts:
    if old.node.kind != new.node.kind:
        return None
    if old.node.kind == "mapping":
        return _mapping(old, new)
    if old.node.kind == "list":
        return _list(old, new)
    return [Cut(old.node.start, old.end, new.text[new.node.start : new.end])]


def _mapping(old: Part, new: Part) -> Cuts:
    """Cuts key by key. A further key goes behind the one that it follows in the new text."""
    entries, wanted = old.entries(), new.entries()
    cuts: List[Cuts] = []
    for name, was in entries.items():
        becomes = wanted.get(name)
        if becomes is None:
            cuts.append([] if old.implied(name, new) else _without(old, was))
        elif not was.says(becomes):
            cuts.append(_changed(old, was, becomes))
    kept = [name for name in entries if name in wanted]
    if not kept:
        return None
    behind = kept[-1]
    added: Dict[str, List[Part]] = {}
    for name, becomes in wanted.items():
        if name in entries:
            behind = name
        else:
            added.setdefault(behind, []).append(becomes)
    return _all([*cuts, *(_added(old, entries[name], parts) for name, parts in added.items())])


def _list(old: Part, new: Part) -> Cuts:
    """Cuts item by item. What both lists begin or end with stays, so that comments stay with their items."""
    olds, news = old.items(), new.items()
    first = _alike(olds, news)
    last = min(_alike(olds[::-1], news[::-1]), len(olds) - first, len(news) - first)
    mine, theirs = olds[first : len(olds) - last], news[first : len(news) - last]
    if len(mine) == len(theirs):
        return _all([_changed(old, was, becomes) for was, becomes in zip(mine, theirs)])
    if not mine and olds:
        return _added(old, olds[first - 1], theirs) if first else _added(old, olds[0], theirs, before=True)
    if not theirs and news:
        return _all([_without(old, was) for was in mine])
    return None


def _alike(olds: Sequence[Part], news: Sequence[Part]) -> int:
    """How many items in a row say the same."""
    differ = (place for place, (was, becomes) in enumerate(zip(olds, news)) if not was.says(becomes))
    return next(differ, min(len(olds), len(news)))


def _changed(whole: Part, old: Part, new: Part) -> Cuts:
    """The new part in the place of the old one, changed inside or as a whole."""
    cuts = _inside(old, new)
    if cuts is not None:
        return cuts
    text = new.moved(old.column, flow=whole.flow)
    return None if text is None else [Cut(old.first, old.end, text)]


def _without(whole: Part, old: Part) -> Cuts:
    """The lines of a part removed, if it has lines of its own."""
    begin = whole.text.rfind("\n", 0, old.first) + 1
    if whole.flow or whole.text[begin : old.first].strip(" ") != ("-" if whole.node.kind == "list" else ""):
        return None
    end = whole.text.find("\n", old.end)
    return [Cut(begin, len(whole.text) if end < 0 else end + 1, "")]


def _added(whole: Part, beside: Part, parts: Sequence[Part], *, before: bool = False) -> Cuts:
    """Further parts behind (or before) one that stays: inside the brackets, or each on a line of its own."""
    dash = "- " if whole.node.kind == "list" else ""
    column = whole.node.column + len(dash)
    texts = [text for text in (part.moved(column, flow=whole.flow) for part in parts) if text is not None]
    if len(texts) < len(parts):
        return None
    between = ", " if whole.flow else "\n" + " " * (whole.node.column - 1) + dash
    if before:
        return [Cut(beside.first, beside.first, "".join(text + between for text in texts))]
    line = "" if whole.flow else whole.text[beside.end :].split("\n", 1)[0].rstrip("\r")
    place = beside.end + len(line)
    return [Cut(place, place, "".join(between + text for text in texts))]


def _all(found: Sequence[Cuts]) -> Cuts:
    """All the cuts, unless something cannot be changed inside."""
    known = [cuts for cuts in found if cuts is not None]
    return [one for cuts in known for one in cuts] if len(known) == len(found) else None
