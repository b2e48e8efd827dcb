"""Which regular expressions a rule may hold: those whose matching cannot blow up.

Each place where the matcher must choose (repeat once more or go on, this branch or that) is looked at: if the next
character decides, it costs nothing; else it may be tried in several ways. The product of these numbers over a value
of 256 characters bounds the work and must stay below `MAX_WAYS`. Refused by name, whatever they cost: unbounded
repeats of overlapping sets side by side, an undecided choice inside of a repeat, look-around and back-references.
"""

from __future__ import annotations

import re
import sys
import warnings
from importlib import import_module
from typing import Any, Iterable, NamedTuple, Optional, Sequence, Tuple

from .charset import END, characters, members

# The parser of `re`, under its name of before and since Python 3.11.
_parser = import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

MAX_LENGTH = 256
"""Characters of a pattern, and of a value: the first 256 of a longer one are matched, as if it ended there."""
MAX_WAYS = 100_000
"""Room for two repeats that each may stop at any character: 256 * 256."""

_FLAGS = re.IGNORECASE | re.DOTALL | re.UNICODE
_BACK = "back-references are not allowed"
_AROUND = "look-ahead and look-behind are not allowed"
_REFUSED = {
    "GROUPREF": _BACK,
    "GROUPREF_EXISTS": _BACK,
    "ASSERT": _AROUND,
    "ASSERT_NOT": _AROUND,
    "ATOMIC_GROUP": "atomic groups are not allowed",
    "POSSESSIVE_REPEAT": "possessive repeats are not allowed",
}


class _Unsafe(Exception):
    """The pattern is outside of the subset; the text says why."""


class _Part(NamedTuple):
    """What is known of a piece of a pattern. Sets are bit masks of `charset`."""

    first: int  # characters that it may begin with
    empty: bool  # may match nothing
    head: int  # with what an unbounded repeat at its very beginning may begin
    tail: int  # with what an unbounded repeat at its very end may go on


_EMPTY = _Part(0, True, 0, 0)


def refusal(pattern: str) -> Optional[str]:
    """Why the pattern may not stand in a rule, or None if it may."""
    if len(pattern) > MAX_LENGTH:
        return "the pattern has more than %d characters" % MAX_LENGTH
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python warns of today is an error in a later one
            re.compile(pattern)
            tree = _parser.parse(pattern)
        flags = int(tree.state.flags)
        if flags & ~_FLAGS:
            return "of the flags only (?i) and (?s) are allowed"
        _Vetting().sequence(list(tree), END, flags, 1)
    except _Unsafe as error:
        return str(error)
    except (re.error, ValueError, OverflowError, RecursionError, Warning) as error:
        return "not a regular expression: %s" % error
    return None


def _begin(items: Sequence[Tuple[Any, Any]], flags: int) -> Tuple[int, bool]:
    """The characters that the items may begin with, and whether they may match nothing."""
    first = 0
    for name, argument in items:
        op = str(name)
        if op == "AT":
            continue
        if op == "SUBPATTERN":
            _, more, less, inner = argument
            chosen, empty = _begin(list(inner), (flags | more) & ~less)
        elif op == "BRANCH":
            found = [_begin(list(branch), flags) for branch in argument[1]]
            chosen, empty = _union(one for one, _ in found), any(nothing for _, nothing in found)
        elif op in ("MAX_REPEAT", "MIN_REPEAT"):
            low, _, inner = argument
            chosen, empty = _begin(list(inner), flags)
            empty = empty or low == 0
        else:
            if op in _REFUSED:
                raise _Unsafe(_REFUSED[op])
            chosen, empty = characters(op, argument, flags), False
        first |= chosen
        if not empty:
            return first, False
    return first, True


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union


class _Vetting:
    """Walks a parsed pattern from its end to its beginning, so that what may follow is known at each choice."""

    def __init__(self) -> None:
        self.ways = 1

    def sequence(self, items: Sequence[Tuple[Any, Any]], follow: int, flags: int, times: int) -> _Part:
        """The items one after the other; `follow`: what may come next; `times`: how often they are repeated."""
        whole = _EMPTY
        for op, argument in reversed(items):
            part = self.item(str(op), argument, whole.first | (follow if whole.empty else 0), flags, times)
            if part.tail & whole.head:
                raise _Unsafe("two unbounded repeats side by side can match the same text")
            whole = _Part(
                part.first | (whole.first if part.empty else 0),
                part.empty and whole.empty,
                part.head | (whole.head if part.empty else 0),
                whole.tail | (part.tail if whole.empty else 0),
            )
        return whole

    def item(self, op: str, argument: Any, follow: int, flags: int, times: int) -> _Part:
        """One item of a sequence."""
        if op in _REFUSED:
            raise _Unsafe(_REFUSED[op])
        if op == "AT":
            return _EMPTY
        if op == "SUBPATTERN":
            _, more, less, inner = argument
            if more & ~_FLAGS:
                raise _Unsafe("of the flags only (?i) and (?s) are allowed")
            return self.sequence(list(inner), follow, (flags | more) & ~less, times)
        if op == "BRANCH":
            return self.branch(argument[1], follow, flags, times)
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            return self.repeat(argument, follow, flags, times)
        chosen = characters(op, argument, flags)
        return _Part(chosen, False, 0, 0)

    def branch(self, branches: Sequence[Any], follow: int, flags: int, times: int) -> _Part:
        """Alternatives: as many ways as can begin with one and the same character."""
        parts = [self.sequence(list(branch), follow, flags, times) for branch in branches]
        firsts = [part.first | (follow if part.empty else 0) for part in parts]
        ways = [sum(1 for first in firsts if first & bit) for bit in members(_union(firsts))]
        self.choose(max(ways, default=1), times)
        return _Part(
            _union(part.first for part in parts),
            any(part.empty for part in parts),
            _union(part.head for part in parts),
            _union(part.tail for part in parts),
        )

    def repeat(self, argument: Any, follow: int, flags: int, times: int) -> _Part:
        """A repeat: one way if the next character tells whether it goes on, else as many as it may count."""
        low, high, inner = argument
        high = min(int(high), MAX_LENGTH)
        body = list(inner)
        if high <= 1:
            part = self.sequence(body, follow, flags, times)
        else:
            first, _ = _begin(body, flags)
            part = self.sequence(body, follow | first, flags, min(times * high, MAX_LENGTH))
            if part.empty:
                raise _Unsafe("a repeat of something that may be empty")
        if part.first & follow and high > low:
            self.choose(high - low + 1, times)
        again = part.first if high >= MAX_LENGTH else 0
        return _Part(part.first, part.empty or low == 0, part.head | again, part.tail | again)

    def choose(self, ways: int, times: int) -> None:
        """Count a choice; undecided ones inside of a repeat grow as a power of its length."""
        if ways <= 1:
            return
        if times > 1:
            raise _Unsafe("inside of a repeat the next character does not tell how to go on")
        self.ways *= ways
        if self.ways > MAX_WAYS:
            raise _Unsafe("the same text can be matched in too many ways")
