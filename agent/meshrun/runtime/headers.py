"""Translates between headers and colour: which names matter, what came in, what goes out. Decides nothing else."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from .. import wire
from ..core import colour as colours
from ..core.model import Pairs
from .names import (
    CALLER,
    DRAINING,
    MAX_CARRIED,
    MAX_KNOWN,
    MOST_READ,
    OWN,
    Found,
    Meaning,
    Name,
    Names,
    Vocabulary,
    name_of,
    text,
)

__all__ = ["CALLER", "DRAINING", "NOTHING", "OWN", "Headers", "Incoming", "Name", "name_of", "text"]

MAX_REMEMBERED = 512  # characters of values: longer headers are read each time rather than kept
ENOUGH = 8192
"""Characters of a shared header, all its lines together, after which no further line is taken."""
MAX_SINGLE = 256
"""Characters of a header with one value that are looked at: no key or value of a colour has more than 64."""
MAX_CARRIED_BYTES = 1024
VIEWS: Dict[type, Callable[[Any], Iterable[Name]]] = {dict: iter}
"""How to see the names in headers of a class that is a mapping: of some of the classes seen so far."""
MAX_VIEWS = 64
"""An app may make classes while it runs."""
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")  # what no value may hold (RFC 9110, 5.5); bytes above are text

Carried = Tuple[Tuple[str, str], ...]
Headings = Tuple[Tuple[str, str], ...]


class Incoming(NamedTuple):
    """What the headers of a request said."""

    colour: Pairs
    carried: Carried
    caller: Optional[str]
    mesh: bool  # a mesh header was there: the caller understands ours
    dropped: int
    conflicts: int


NOTHING = Incoming((), (), None, False, 0, 0)


class Headers:
    """The wire side of one process: its dialects, its carried names, its colour keys."""

    def __init__(self, read: Sequence[str], write: Sequence[str], carry: Sequence[str], keys: FrozenSet[str]) -> None:
        self._read, unknown_read = wire.chosen(read)
        self._write, unknown_write = wire.chosen(write)
        self.unknown = unknown_read + unknown_write
        self.keys = keys
        words = Vocabulary(self._read, self._write, carry, keys)
        self._incoming = (Found(words, spelled=False), Found(words, spelled=True))
        # Names that the app gives its calls; apart from those of requests, because strangers choose these.
        self.names = Names(words.meaning)
        self._byte_names = Names(words.meaning)
        self._written: Dict[Pairs, Headings] = {}

    def incoming(self, headers: Sequence[Tuple[Name, Name]]) -> Incoming:
        """Read colour, carried headers and the caller's name; costs one look-up for each header without meaning.

        Whatever came, the work is bounded: `names` bounds the headers that are read, this module what of each.
        """
        if not headers:
            return NOTHING
        at = self._incoming[isinstance(headers[0][0], bytes)]
        try:
            found = at.among(headers)
        except KeyError:
            return self._read_all(at.learn(headers))
        if not found:
            return NOTHING
        if len(found) > MOST_READ:
            return self._read_all(at.read(found))
        size = 0
        for pair in found:
            size += len(pair[1])
        if size > MAX_REMEMBERED:  # not even hashed, which takes long for a megabyte
            return self._read_all(at.read(found))
        key = tuple(found)
        known = at.said.get(key)
        if known is None:
            known = self._read_all(at.read(found))
            if len(at.said) >= MAX_KNOWN:
                at.said.clear()
            at.said[key] = known
        return known

    def _read_all(self, found: Sequence[Tuple[Meaning, Name]]) -> Incoming:
        if not found:
            return NOTHING
        ranked, too_long = self._pairs(found)
        ranked.sort(key=lambda item: item[0])  # stable: within a dialect the first occurrence stays first
        first: Dict[str, str] = {}
        conflicts = 0
        for _, key, word in ranked:
            conflicts += first.setdefault(key.lower(), word) != word
        colour, dropped = colours.clean(first.items()) if first else ((), 0)
        callers = [value for meaning, value in found if meaning.caller]
        caller = text(callers[-1][:MAX_SINGLE]) if callers else None
        mesh = caller is not None or bool(ranked)
        return Incoming(colour, _carried(found), caller, mesh, dropped + too_long, conflicts)

    def _pairs(self, found: Sequence[Tuple[Meaning, Name]]) -> Tuple[List[Tuple[int, str, str]], int]:
        """(rank of the dialect, key, word) of all that is said of a colour; how many values are too long for one."""
        ranked: List[Tuple[int, str, str]] = []
        shared: Dict[Tuple[int, str], List[str]] = {}
        lengths: Dict[Tuple[int, str], int] = {}
        too_long = 0
        for meaning, value in found:
            for rank, token in meaning.read:
                dialect = self._read[rank]
                if dialect.shared:
                    length = lengths.get((rank, token), 0)
                    if length <= ENOUGH:
                        lengths[rank, token] = length + len(value)
                        shared.setdefault((rank, token), []).append(text(value[: ENOUGH + 1]))
                elif len(value) <= MAX_SINGLE:
                    for key, word in dialect.read(token, text(value), self.keys):
                        ranked.append((rank, key, word))
                else:
                    too_long += 1
        for (rank, token), lines in shared.items():  # several lines are one, joined by commas (RFC 9110, 5.3)
            ranked += [(rank, key, word) for key, word in self._read[rank].read(token, ",".join(lines), self.keys)]
        return ranked, too_long

    def outgoing(
        self,
        colour: Pairs,
        carried: Sequence[Tuple[str, str]],
        caller: str,
        present: Sequence[Tuple[str, str]],
        trusted: bool = True,
    ) -> Headings:
        """The headers to set on a mesh call; what the app set itself (`present`) wins, shared headers are merged.

        Not `trusted`: the app serves a request whose colour does not count, and what it sets is taken for a copy of it:
        the next service would believe us. Ours takes its place; where we have none, an empty value does.
        """
        if not present:
            plain = self._plain(colour, caller)
            if not carried:
                return plain
            written = {name.lower() for name, _ in plain}
            return plain + tuple(pair for pair in carried if pair[0] not in written)
        cleared: List[Tuple[str, str]] = []
        if not trusted:
            present, cleared = self._cleared(present)
        out: List[Tuple[str, str]] = [] if CALLER in dict(present) else [("X-Meshrun-Caller", caller)]
        for rank, dialect in enumerate(self._write if colour else ()):
            mine = [(name, value) for name, value in present if any(n == rank for n, _ in self._meaning(name).write)]
            out += dialect.write(colour, self.keys, mine)
        taken = {name for name, _ in present} | {name.lower() for name, _ in out}
        out += [pair for pair in cleared if pair[0] not in {name.lower() for name, _ in out}]
        return tuple(out) + tuple(pair for pair in carried if pair[0] not in taken)

    def _cleared(self, present: Sequence[Tuple[str, str]]) -> Tuple[List[Tuple[str, str]], List[Tuple[str, str]]]:
        """The app's own headers without their colour, and those of them that have to be set so."""
        kept: List[Tuple[str, str]] = []
        cleared: List[Tuple[str, str]] = []
        for name, value in present:
            meaning = self._meaning(name)
            left = value
            if meaning.caller:
                continue
            for dialect in {*(self._read[n] for n, _ in meaning.read), *(self._write[n] for n, _ in meaning.write)}:
                left = dialect.cleared(left, self.keys)
            if left:
                kept.append((name, left))
            if left != value:
                cleared.append((name, left))
        return kept, cleared

    def _meaning(self, name: str) -> Meaning:
        return self.names[name] or Meaning(name)

    def _plain(self, colour: Pairs, caller: str) -> Headings:
        """What is written when the app set none of these headers: the same for each call of a colour."""
        known = self._written.get(colour)
        if known is None:
            out = [("X-Meshrun-Caller", caller)]
            for dialect in self._write if colour else ():
                out += dialect.write(colour, self.keys, ())
            known = tuple(out)
            if len(self._written) < MAX_KNOWN:
                self._written[colour] = known
        return known

    def present(self, headers: Any) -> Sequence[Tuple[str, str]]:
        """Those of the app's own headers that have a meaning: (lower-case name, value)."""
        if not headers:
            return ()
        names = self.names
        if isinstance(headers, (list, tuple)):
            if isinstance(headers[0][0], bytes):
                names = self._byte_names
            if names.meaningless.issuperset(map(name_of, headers)):
                return ()
            return [(text(pair[0]).lower(), text(pair[1])) for pair in headers if names[pair[0]] is not None]
        view = VIEWS.get(type(headers))
        if view is None:
            view = iter
            if len(VIEWS) < MAX_VIEWS:
                VIEWS[type(headers)] = view
        if names.meaningless.issuperset(view(headers)) or not any(names[name] for name in view(headers)):
            return ()
        return [(text(n).lower(), text(v)) for n, v in headers.items() if names[n] is not None]


def _carried(found: Sequence[Tuple[Meaning, Name]]) -> Carried:
    """At most 8 carried headers and 1 KiB together; the rest is left out."""
    kept: List[Tuple[str, str]] = []
    room = MAX_CARRIED_BYTES
    for meaning, value in found:
        size = len(meaning.name) + len(value)
        if meaning.carried and size <= room and len(kept) < MAX_CARRIED:
            whole = text(value)
            if not _CONTROL.search(whole):
                kept.append((meaning.name, whole))
                room -= size
    return tuple(kept)
