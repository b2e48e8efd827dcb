"""Sets of characters as bit masks: 128 bits for ASCII, one per sort of other characters, and one for the end.

Characters beyond ASCII are told apart only by sort (digit, word, space, rest), so that sets of them overlap rather
too often than too seldom.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator

DIGIT, WORD, SPACE, REST = (1 << 128), (1 << 129), (1 << 130), (1 << 131)
END = 1 << 132
"""The end of the value, where it may be what follows."""
ALL = END - 1
_ASCII = DIGIT - 1
_BEYOND = DIGIT | WORD | SPACE | REST


def _ascii(test: Callable[[str], bool]) -> int:
    return sum(1 << code for code in range(128) if test(chr(code)))


_CATEGORIES: Dict[str, int] = {
    "CATEGORY_DIGIT": _ascii(str.isdigit) | DIGIT,
    "CATEGORY_WORD": _ascii(lambda c: c.isalnum() or c == "_") | DIGIT | WORD,
    "CATEGORY_SPACE": _ascii(str.isspace) | SPACE,
}
_RELATED = sum(1 << ord(character) for character in "IKSiks")


def category(name: str) -> int:
    r"""``\d``, ``\w``, ``\s`` and their negations; the sorts beyond ASCII are cut along these lines."""
    if name in _CATEGORIES:
        return _CATEGORIES[name]
    positive = _CATEGORIES[name.replace("_NOT_", "_")]
    return ALL & ~positive


def _single(code: int) -> int:
    if code < 128:
        return 1 << code
    character = chr(code)
    if character.isdecimal():
        return DIGIT
    if character.isalnum():
        return WORD
    return SPACE if character.isspace() else REST


def _range(low: int, high: int) -> int:
    mask = sum(1 << code for code in range(low, min(high, 127) + 1))
    return mask | (_BEYOND if high > 127 else 0)


def _both_cases(mask: int) -> int:
    for code in range(ord("a"), ord("z") + 1):
        both = 1 << code | 1 << (code - 32)
        if mask & both:
            mask |= both
    return mask


def _fold(mask: int) -> int:
    """The mask when case does not matter; I, K and S have relatives beyond ASCII."""
    folded = _both_cases(mask)
    if folded & _RELATED:
        folded |= WORD
    return folded | _RELATED if mask & WORD else folded


def _surely(op: str, argument: Any, flags: int) -> int:
    """What an item of a set holds for certain, so that its negation is not made too small."""
    if op == "CATEGORY":
        return category(str(argument))
    mask = (_range(*argument) if op == "RANGE" else _single(int(argument))) & _ASCII
    return _both_cases(mask) if flags & re.IGNORECASE else mask


def characters(op: str, argument: Any, flags: int) -> int:
    """The characters that a single-character item of a parsed pattern may match."""
    if op == "ANY":
        return ALL if flags & re.DOTALL else ALL & ~(1 << 10)
    if op == "NOT_LITERAL":
        return ALL & ~_surely("LITERAL", argument, flags)
    if op == "IN":
        mask = 0
        if argument and str(argument[0][0]) == "NEGATE":
            for inner, value in argument[1:]:
                mask |= _surely(str(inner), value, flags)
            return ALL & ~mask
        for inner, value in argument:
            mask |= characters(str(inner), value, flags)
        return mask
    if op == "CATEGORY":
        return category(str(argument))
    mask = _range(*argument) if op == "RANGE" else _single(int(argument))
    return _fold(mask) if flags & re.IGNORECASE else mask


def members(mask: int) -> Iterator[int]:
    """The single bits of a mask."""
    while mask:
        bit = mask & -mask
        yield bit
        mask ^= bit
