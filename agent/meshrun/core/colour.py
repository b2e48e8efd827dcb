"""What a valid colour is, and how two of them combine."""

from __future__ import annotations

import re
from typing import Dict, FrozenSet, Iterable, List, Tuple

from .model import Pairs
from .rules import RESERVED

MOST_PAIRS, MOST_BYTES = 16, 512
"""Limits of one colour; the bytes are those of all keys and values, separators not counted."""

_word = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


def clean(pairs: Iterable[Tuple[str, str]], first: FrozenSet[str] = RESERVED) -> Tuple[Pairs, int]:
    """The valid part of what came in, and how many pairs were dropped.

    Keys are folded to lower case and the first occurrence of a key wins; a repetition counts as dropped only if its
    value differs. Where not all pairs fit, those with a key in `first` are kept before the others, so that a crowd of
    free keys cannot push out the one that routes. Never raises.
    """
    found: Dict[str, str] = {}
    dropped = 0
    for key, value in pairs:
        if not _word(key) or not _word(value) or found.setdefault(key.lower(), value) != value:
            dropped += 1
    kept = _fit(sorted(found.items(), key=lambda pair: pair[0] not in first) if _too_big(found) else found.items())
    return tuple(sorted(kept)), dropped + len(found) - len(kept)


def merge(first: Pairs, second: Pairs) -> Pairs:
    """Both colours as one; on a shared key `first` wins, and what does not fit any more is cut from `second`."""
    if not second:
        return first
    if not first:
        return second
    taken = {key for key, _ in first}
    return tuple(sorted(_fit(first + tuple(pair for pair in second if pair[0] not in taken))))


def routing(colour: Pairs, reserved: FrozenSet[str]) -> Pairs:
    """The routing part: the pairs whose key is reserved. Also the lane of an instance, given its tags as pairs."""
    return tuple(pair for pair in colour if pair[0] in reserved)


def _too_big(found: Dict[str, str]) -> bool:
    return len(found) > MOST_PAIRS or sum(len(key) + len(value) for key, value in found.items()) > MOST_BYTES


def _fit(pairs: Iterable[Tuple[str, str]]) -> List[Tuple[str, str]]:
    """The pairs, in order, that stay within the limits; a pair that is too long does not stop a shorter one."""
    kept: List[Tuple[str, str]] = []
    room = MOST_BYTES
    for key, value in pairs:
        size = len(key) + len(value)
        if len(kept) < MOST_PAIRS and size <= room:
            kept.append((key, value))
            room -= size
    return kept
