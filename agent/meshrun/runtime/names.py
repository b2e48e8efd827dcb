"""What each header name means to us: worked out on first sight, remembered within bounds."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple, Union

from ..core.colour import MOST_BYTES, MOST_PAIRS
from ..wire.base import Dialect

Name = Union[str, bytes]
Pair = Tuple[Name, Name]
Likely = Tuple[Any, Any, Any]
"""(name in lower case, name, value) of a header."""
name_of = itemgetter(0)
"""The name of a header, which is a pair."""
CALLER, DRAINING = "x-meshrun-caller", "x-meshrun-draining"
LONGEST = 128
"""Characters of a name with a meaning: the prefix of a dialect and a key of 64 fit."""
MAX_KNOWN = 4096
MAX_LEARNT = 32
"""Names of one request that are remembered: a sender of random names does not push out those of honest ones."""
MAX_CARRIED = 8
MOST_READ = MOST_PAIRS + MAX_CARRIED + 2
"""Headers with a meaning that an honest request has at most: a colour by the pair and in ``baggage``, the carried ones,
the caller. Of one that has more, only the names that we expect are read: a crowd cannot push out the lane."""
OWN = frozenset(
    (
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
        "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    )
)  # fmt: skip
"""Headers that belong to one message or connection: carried to another call they would break it."""


def text(value: Name) -> str:
    """A header's name or value as text; bytes are Latin-1 on the wire (RFC 9110, 5.5)."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else str(value)  # some libraries take numbers


class Meaning:
    """What one header name means to us. A name may be carried and be of a dialect at the same time.

    Equal only to itself, so that a memo of what headers say costs no look into it.
    """

    __slots__ = ("caller", "carried", "expected", "name", "read", "write")

    def __init__(
        self,
        name: str,
        read: Tuple[Tuple[int, str], ...] = (),
        write: Tuple[Tuple[int, str], ...] = (),
        carried: bool = False,
        expected: bool = False,
    ) -> None:
        self.name = name  # lower case
        self.read = read  # (rank in MESHRUN_WIRE_READ, token) of the dialects that recognise it
        self.write = write
        self.carried = carried
        self.expected = expected  # not made up by whoever sends it
        self.caller = name == CALLER


class Vocabulary:
    """The names that the settings give a meaning to; `keys` are the colour keys that are expected."""

    def __init__(
        self, read: Sequence[Dialect], write: Sequence[Dialect], carry: Sequence[str], keys: FrozenSet[str]
    ) -> None:
        dialects = list(dict.fromkeys([*read, *write]))
        self._dialects = [
            (one.recognise, read.index(one) if one in read else None, write.index(one) if one in write else None)
            for one in dialects
        ]
        self._exact = frozenset(name.lower() for name in carry if not name.endswith("*"))
        self._prefixes = tuple(name[:-1].lower() for name in carry if name.endswith("*"))
        starts = {CALLER, *self._exact, *self._prefixes, *(start for dialect in dialects for start in dialect.starts)}
        covered = {one for one in starts for other in starts if one != other and one.startswith(other)}
        self.starts = tuple(starts - covered)
        """One of these, and no other, begins every name with a meaning."""
        colours = [((key, "0"),) for key in keys]
        written = {name.lower() for one in read for colour in colours for name, _ in one.write(colour, keys, ())}
        self.expected = frozenset({CALLER} | self._exact | written)
        """The names that are told apart from those that a sender makes up, in lower case."""

    def meaning(self, name: str) -> Optional[Meaning]:
        """The meaning of a lower-case name; None: none."""
        read: Tuple[Tuple[int, str], ...] = ()
        write: Tuple[Tuple[int, str], ...] = ()
        for recognise, reads, writes in self._dialects:
            token = recognise(name)
            if token is not None:
                if reads is not None:
                    read += ((reads, token),)
                if writes is not None:
                    write += ((writes, token),)
        carried = bool(self._exact or self._prefixes) and self._carries(name)
        if not (read or write or carried or name == CALLER):
            return None
        return Meaning(name, read, write, carried, name in self.expected)

    def _carries(self, name: str) -> bool:
        return name not in OWN and (name in self._exact or bool(self._prefixes and name.startswith(self._prefixes)))


class Names(Dict[Name, Optional[Meaning]]):
    """Memo from a name, as the app's libraries spell it, to its meaning (None: none). Bounded."""

    def __init__(self, meaning: Callable[[str], Optional[Meaning]]) -> None:
        super().__init__()
        self._meaning = meaning
        self.meaningless: Set[Name] = set()
        """The names without meaning among them: most calls have no other, and one set operation says so."""

    def __missing__(self, name: Name) -> Optional[Meaning]:
        """Classify a name on first sight."""
        lower = text(name).lower()
        meaning = self._meaning(lower) if len(lower) <= LONGEST else None
        if len(self) < MAX_KNOWN and len(lower) <= LONGEST:
            self[name] = meaning
            if meaning is None:
                self.meaningless.add(name)
        return meaning


class Found:
    """Finds the headers with a meaning in requests, which may be made to cost: names and their number are bounded.

    One for names of text and one for names of bytes: in one dictionary they have the same hash, so that they are
    compared, which costs time and is an error under ``python -bb``.
    """

    def __init__(self, vocabulary: Vocabulary, *, spelled: bool) -> None:
        self._meaning = vocabulary.meaning
        spell: Callable[[str], Any] = str.encode if spelled else str
        self._break: Any = spell("\n")
        self._starts = tuple(map(spell, vocabulary.starts))
        self._expected = frozenset(map(spell, vocabulary.expected))
        self.known: Dict[Name, Optional[Meaning]] = {}
        self.said: Dict[Tuple[Pair, ...], Any] = {}
        """What such headers said, for whoever reads them."""

    def among(self, headers: Sequence[Pair]) -> Sequence[Pair]:
        """The headers that have a meaning; raises KeyError where a name is new."""
        known = self.known
        return [pair for pair in headers if len(pair[0]) <= LONGEST and known[pair[0]] is not None]

    def read(self, found: Sequence[Pair]) -> List[Tuple[Meaning, Name]]:
        """(meaning, value) of what `among` answered, in its order; of a crowd, some."""
        known = self.known
        kept: List[Tuple[Meaning, Name]] = []
        others: List[Tuple[Meaning, Name]] = []
        crowd, room = len(found) > MOST_READ, MOST_BYTES
        for name, value in found:
            meaning = known[name]
            if meaning is None:
                continue
            if not crowd or meaning.expected:
                kept.append((meaning, value))
                if len(kept) == MOST_READ:
                    break
            elif room >= 0:
                others.append((meaning, value))
                room -= len(value)
        return kept + others[: min(MOST_PAIRS, MOST_READ - len(kept))]

    def learn(self, headers: Sequence[Pair]) -> List[Tuple[Meaning, Name]]:
        """The same where names are new: classifies and, within bounds, remembers them."""
        known, starts = self.known, self._starts
        room = min(MAX_LEARNT, MAX_KNOWN - len(known))
        short = [pair for pair in headers if len(pair[0]) <= LONGEST]
        # All names in one go take half the time; none has a break in it, unless somebody made it by hand.
        lowers = self._break.join([pair[0] for pair in short]).lower().split(self._break)
        if len(lowers) != len(short):
            lowers = [pair[0].lower() for pair in short]
        likely: List[Likely] = [(low, *pair) for low, pair in zip(lowers, short) if low.startswith(starts)]
        if len(likely) > MOST_READ:
            likely = self._of_crowd(likely)
        else:
            for low, (name, _) in zip(lowers[:room], short):
                if name not in known and not low.startswith(starts):
                    known[name] = None
        read: List[Tuple[Meaning, Name]] = []
        for low, name, value in likely:
            meaning = known.get(name) or self._meaning(text(low))
            if len(read) < room:
                known[name] = meaning
            if meaning is not None:
                read.append((meaning, value))
        return read

    def _of_crowd(self, likely: Sequence[Likely]) -> List[Likely]:
        """The headers whose names are expected, wherever they stand, and of the others what could be one colour."""
        expected = self._expected
        kept = [one for one in likely if one[0] in expected][:MOST_READ]
        most, room = min(MOST_PAIRS, MOST_READ - len(kept)), MOST_BYTES
        others: List[Likely] = []
        for one in likely:
            if len(others) >= most or room < 0:
                break
            if one[0] not in expected:
                others.append(one)
                room -= len(one[2])
        return kept + others
