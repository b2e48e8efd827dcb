"""Translates between headers and colour: which names matter, what came in, what goes out. Decides nothing else."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from .. import wire
from ..core import colour as colours
from ..core.model import Pairs

Name = Union[str, bytes]
CALLER, DRAINING = "x-meshrun-caller", "x-meshrun-draining"
MAX_KNOWN = 4096
MAX_REMEMBERED = 512  # bytes of values: longer headers are read each time rather than kept
MAX_CARRIED, MAX_CARRIED_BYTES = 8, 1024
OWN = frozenset(
    (
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
        "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    )
)  # fmt: skip
"""Headers that belong to one message or connection: carried to another call they would break it."""
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")  # what no value may hold (RFC 9110, 5.5); bytes above are text


class Meaning(NamedTuple):
    """What one header name means to us. A name may be carried and be of a dialect at the same time."""

    name: str  # lower case
    read: Tuple[Tuple[int, str], ...]  # (rank in MESHRUN_WIRE_READ, token) of the dialects that recognise it
    write: Tuple[Tuple[int, str], ...]
    carried: bool
    caller: bool


class Incoming(NamedTuple):
    """What the headers of a request said."""

    colour: Pairs
    carried: Tuple[Tuple[str, str], ...]
    caller: Optional[str]
    mesh: bool  # a mesh header was there: the caller understands ours
    dropped: int
    conflicts: int


NOTHING = Incoming((), (), None, False, 0, 0)


def text(value: Name) -> str:
    """A header's name or value as text; bytes are Latin-1 on the wire (RFC 9110, 5.5)."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else str(value)  # some libraries take numbers


class Names(Dict[Name, Optional[Meaning]]):
    """Memo from a header name, as any library spells it, to its meaning (None: none). Bounded."""

    def __init__(self, classify: Callable[[str], Optional[Meaning]]) -> None:
        super().__init__()
        self._classify = classify
        self.meaningless: Set[Name] = set()
        """The names without meaning among them: most calls have no other, and one set operation says so."""

    def __missing__(self, name: Name) -> Optional[Meaning]:
        """Classify a name on first sight."""
        meaning = self._classify(text(name).lower())
        if len(self) < MAX_KNOWN:
            self[name] = meaning
            if meaning is None:
                self.meaningless.add(name)
        return meaning


class Headers:
    """The wire side of one process: its dialects, its carried names, its colour keys."""

    def __init__(self, read: Sequence[str], write: Sequence[str], carry: Sequence[str], keys: FrozenSet[str]) -> None:
        self._read, unknown_read = wire.chosen(read)
        self._write, unknown_write = wire.chosen(write)
        self.unknown = unknown_read + unknown_write
        exact = {name.lower() for name in carry if not name.endswith("*")}
        prefixes = tuple(name[:-1].lower() for name in carry if name.endswith("*"))
        self._carries: Callable[[str], bool] = lambda name: (
            name not in OWN and (name in exact or bool(prefixes and name.startswith(prefixes)))
        )
        self.keys = keys
        # Names and memos of text and of bytes lie apart: in one dictionary they have the same hash, so that they are
        # compared, which costs time and is an error under ``python -bb``.
        self.names = Names(self._classify)
        self._byte_names = Names(self._classify)
        self._seen: Tuple[Dict[Any, Incoming], Dict[Any, Incoming]] = ({}, {})
        self._written: Dict[Pairs, Tuple[Tuple[str, str], ...]] = {}

    def _classify(self, name: str) -> Optional[Meaning]:
        read = tuple((n, t) for n, d in enumerate(self._read) for t in [d.recognise(name)] if t is not None)
        write = tuple((n, t) for n, d in enumerate(self._write) for t in [d.recognise(name)] if t is not None)
        meaning = Meaning(name, read, write, self._carries(name), name == CALLER)
        return meaning if read or write or meaning.carried or meaning.caller else None

    def incoming(self, headers: Sequence[Tuple[Name, Name]]) -> Incoming:
        """Read colour, carried headers and the caller's name; costs one look-up for each header without meaning."""
        if not headers:
            return NOTHING
        spelled = isinstance(headers[0][0], bytes)
        names = self._byte_names if spelled else self.names
        found = tuple([pair for pair in headers if names[pair[0]] is not None])
        if not found:
            return NOTHING
        seen = self._seen[spelled]
        known = seen.get(found)
        if known is None:
            known = self._read_all([(self._meaning(text(name).lower()), text(value)) for name, value in found])
            if sum(len(value) for _, value in found) <= MAX_REMEMBERED:
                if len(seen) >= MAX_KNOWN:
                    seen.clear()
                seen[found] = known
        return known

    def _read_all(self, found: Sequence[Tuple[Meaning, str]]) -> Incoming:
        ranked: List[Tuple[int, str, str]] = []
        carried: List[Tuple[str, str]] = []
        caller: Optional[str] = None
        for meaning, value in found:
            if meaning.caller:
                caller = value[:256]
            for rank, token in meaning.read:
                ranked += [(rank, key, word) for key, word in self._read[rank].read(token, value, self.keys)]
            if meaning.carried and not _CONTROL.search(value):
                carried.append((meaning.name, value))
        ranked.sort(key=lambda item: item[0])  # stable: within a dialect the first occurrence stays first
        first: Dict[str, str] = {}
        conflicts = 0
        for _, key, word in ranked:
            conflicts += first.setdefault(key.lower(), word) != word
        colour, dropped = colours.clean(first.items()) if first else ((), 0)
        return Incoming(colour, _bounded(carried), caller, caller is not None or bool(ranked), dropped, conflicts)

    def outgoing(
        self, colour: Pairs, carried: Sequence[Tuple[str, str]], caller: str, present: Sequence[Tuple[str, str]]
    ) -> Tuple[Tuple[str, str], ...]:
        """The headers to set on a mesh call; what the app set itself (`present`) wins, shared headers are merged."""
        if not present:
            plain = self._plain(colour, caller)
            if not carried:
                return plain
            written = {name.lower() for name, _ in plain}
            return plain + tuple(pair for pair in carried if pair[0] not in written)
        out: List[Tuple[str, str]] = [] if CALLER in dict(present) else [("X-Meshrun-Caller", caller)]
        for rank, dialect in enumerate(self._write if colour else ()):
            mine = [(name, value) for name, value in present if any(n == rank for n, _ in self._meaning(name).write)]
            out += dialect.write(colour, self.keys, mine)
        taken = {name for name, _ in present} | {name.lower() for name, _ in out}
        return tuple(out) + tuple(pair for pair in carried if pair[0] not in taken)

    def _meaning(self, name: str) -> Meaning:
        return self.names[name] or Meaning(name, (), (), False, False)

    def _plain(self, colour: Pairs, caller: str) -> Tuple[Tuple[str, str], ...]:
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
            return [(text(pair[0]).lower(), text(pair[1])) for pair in headers if names[pair[0]] is not None]
        if names.meaningless.issuperset(headers):
            return ()
        return [(text(n).lower(), text(v)) for n, v in headers.items() if names[n] is not None]


def _bounded(carried: Sequence[Tuple[str, str]]) -> Tuple[Tuple[str, str], ...]:
    """At most 8 carried headers and 1 KiB together; the rest is left out."""
    kept: List[Tuple[str, str]] = []
    size = 0
    for name, value in carried:
        size += len(name) + len(value)
        if len(kept) < MAX_CARRIED and size <= MAX_CARRIED_BYTES:
            kept.append((name, value))
    return tuple(kept)
