"""The dialect ``baggage``: W3C Baggage (https://www.w3.org/TR/baggage/), one member per colour key.

The header is shared with tracers, so only reserved keys and ``MESHRUN_COLOUR_KEYS`` are read and written, and the
members of others are kept byte for byte.
"""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Sequence, Tuple
from urllib.parse import unquote

from ..core.model import Pairs
from .base import Dialect

MAX_BYTES = 8192
MAX_MEMBERS = 64


class Baggage(Dialect):
    """``baggage: lane=gray,userId=7;ttl=1``."""

    def recognise(self, name: str) -> Optional[str]:
        """The one shared header."""
        return "" if name == "baggage" else None

    def read(self, token: str, value: str, keys: FrozenSet[str]) -> Sequence[Tuple[str, str]]:  # noqa: ARG002 - the interface
        """Members whose name is one of `keys`, percent-decoded, properties cut; bounded in bytes and members."""
        pairs = []
        for member in value[:MAX_BYTES].split(",", MAX_MEMBERS)[:MAX_MEMBERS]:
            name, sign, rest = member.partition("=")
            key = name.strip().lower()
            if sign and key in keys:
                word = rest.partition(";")[0].strip()
                pairs.append((key, unquote(word) if "%" in word else word))
        return pairs

    def write(self, colour: Pairs, keys: FrozenSet[str], present: Sequence[Tuple[str, str]]) -> List[Tuple[str, str]]:
        """One merged header: the app's own members first, as they were."""
        own = ",".join(value for _, value in present)
        taken = {member.partition("=")[0].strip().lower() for member in own.split(",")} if own else ()
        added = [key + "=" + value for key, value in colour if key in keys and key not in taken]
        if not added:
            return []
        return [("baggage", ",".join([own, *added] if own.strip() else added))]
