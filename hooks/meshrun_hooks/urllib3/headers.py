"""Copies of the app's headers with ours set: cheap, of a kind that urllib3 takes, the app's object untouched."""

from __future__ import annotations

from typing import Any, Callable, Dict, Sequence, Tuple

from urllib3 import _version

from .kinds import own

_CASE_COUNTS = [int(number) for number in _version.__version__.split(".")[:3] if number.isdigit()] < [1, 26, 6]
"""Whether urllib3 asks the headers themselves for a lower-case name, so that a plain dict of them would not do."""
_MAX_KINDS = 64


def with_set(headers: Any, pairs: Sequence[Tuple[str, str]], pool: Any) -> Any:
    """A copy of `headers` with `pairs` set; a name that is there in any case keeps its place, in a dict its spelling.

    `pool`: the pool that it is for.
    """
    kind = type(headers)
    copier = _COPIES.get(kind) or _learn(kind)
    if copier is _entries and not own(pool):
        copier = _own_copy
    copy = copier(headers)
    plain = type(copy) is dict
    for name, value in pairs:
        found = name
        if plain and name not in copy:
            size = len(name)
            for key in copy:
                if len(key) == size and _lower(key) == name.lower():
                    found = key
        copy[found] = value
    return copy


def _lower(key: Any) -> str:
    return (key if isinstance(key, str) else key.decode("latin-1")).lower()


def _entries(headers: Any) -> Dict[str, str]:
    """The entries of a `requests` CaseInsensitiveDict as a plain dict, whose copies cost next to nothing."""
    return dict(headers._store.values())  # noqa: SLF001 -- items() builds the same pairs one call at a time


def _own_copy(headers: Any) -> Any:
    """The copy that urllib3 itself would make: it keeps repeated names and the meaning of the app's own class."""
    return headers.copy()


_COPIES: Dict[type, Callable[[Any], Any]] = {dict: dict}


def _learn(kind: type) -> Callable[[Any], Any]:
    """How to copy headers of a class seen for the first time."""
    name = "%s.%s" % (kind.__module__, kind.__qualname__)
    fast = name == "requests.structures.CaseInsensitiveDict" and not _CASE_COUNTS
    copy = _entries if fast else _own_copy
    if len(_COPIES) < _MAX_KINDS:
        _COPIES[kind] = copy
    return copy
