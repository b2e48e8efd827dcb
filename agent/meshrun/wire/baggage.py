"""The dialect ``baggage``: W3C Baggage (https://www.w3.org/TR/baggage/), one member per colour key.

The header is shared with tracers, so only reserved keys and ``MESHRUN_COLOUR_KEYS`` are read and written, and the
members of others are kept byte for byte.
"""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Sequence, Tuple
from urllib.parse import unquote

from ..core.model import Pairs
from .base import Dialect

MAX_BYTES, MAX_MEMBERS = 8192, 64
"""Of a header that are looked at (W3C Baggage, 3.3.2)."""
MAX_QUOTED = 256
"""Characters that are percent-decoded of one header: no letter of a valid word needs it, and it costs."""


class Baggage(Dialect):
    """``baggage: lane=gray,userId=7;ttl=1``."""

    starts = ("baggage",)
    shared = True

    def recognise(self, name: str) -> Optional[str]:
        """The one shared header."""
        return "" if name == "baggage" else None

    def read(self, token: str, value: str, keys: FrozenSet[str]) -> Sequence[Tuple[str, str]]:  # noqa: ARG002 - the interface
        """Members whose name is one of `keys`, percent-decoded, properties cut; bounded in bytes and members."""
        pairs = []
        room = MAX_QUOTED
        for member in _members(value):
            name, sign, rest = member.partition("=")
            key = name.strip().lower()
            if sign and key in keys:
                word = rest.partition(";")[0].strip()
                if "%" in word and len(word) <= room:
                    room -= len(word)
                    word = unquote(word)
                pairs.append((key, word))
        return pairs

    def write(self, colour: Pairs, keys: FrozenSet[str], present: Sequence[Tuple[str, str]]) -> List[Tuple[str, str]]:
        """One merged header: the app's own members first, as they were, unless no reader would see ours there."""
        own = ",".join(value for _, value in present)
        seen = _members(own)
        taken = {member.partition("=")[0].strip().lower() for member in seen} if own else ()
        added = [key + "=" + value for key, value in colour if key in keys and key not in taken]
        if not added:
            return []
        if not own.strip():
            return [("baggage", ",".join(added))]
        length = len(own) + sum(len(member) + 1 for member in added)
        fits = len(seen) + len(added) <= MAX_MEMBERS and length <= MAX_BYTES
        return [("baggage", ",".join([own, *added] if fits else [*added, own]))]

    def cleared(self, value: str, keys: FrozenSet[str]) -> str:
        """The members of others, as they were."""
        kept = [member for member in value.split(",") if member.partition("=")[0].strip().lower() not in keys]
        return ",".join(kept).strip()


def _members(value: str) -> List[str]:
    """The members that are looked at; one that the limit cuts in two is not."""
    if len(value) > MAX_BYTES:
        value = value[: MAX_BYTES + 1].rpartition(",")[0]
    return value.split(",", MAX_MEMBERS)[:MAX_MEMBERS]
