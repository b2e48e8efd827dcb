"""Copies of the app's headers with ours set: cheap, of a kind that urllib3 takes, the app's object untouched.

A name that is there already, in any case, keeps its place and, where the mapping allows, its spelling.
"""

from __future__ import annotations

from typing import Any, Callable, Dict

from urllib3 import _version

from .kinds import own

Way = Callable[[Any, Any, Any], Any]

_CASE_COUNTS = [int(number) for number in _version.__version__.split(".")[:3] if number.isdigit()] < [1, 26, 6]
"""Whether urllib3 asks the headers themselves for a lower-case name, so that a plain dict of them would not do."""
_MAX_KINDS = 64


def with_set(headers: Any, call: Any, pool: Any) -> Any:
    """A copy of `headers`, with those of the call set, for a request of `pool`."""
    kind = type(headers)
    return (_WAYS.get(kind) or _learn(kind))(headers, call, pool)


def _dict(headers: Any, call: Any, _: Any) -> Any:
    """A dict, or a class of the app's made from one."""
    copy = headers.copy()
    for name, value in call.set_headers:
        found = name
        if name not in copy and not call.fresh:
            size = len(name)
            for key in copy:
                if len(key) == size and _lower(key) == name.lower():
                    found = key
        copy[found] = value
    return copy


def _lower(key: Any) -> str:
    return (key if isinstance(key, str) else key.decode("latin-1")).lower()


def _entries(headers: Any, call: Any, pool: Any) -> Any:
    """The CaseInsensitiveDict of `requests`, as a plain dict whose copies cost next to nothing.

    Where code of the app sees the headers below `urlopen`, they stay of their class.
    """
    if not own(pool):
        return _mapping(headers, call, pool)
    entries = headers._store  # noqa: SLF001 -- items() builds the same pairs one call at a time
    copy = dict(entries.values())
    for name, value in call.set_headers:
        known = None if call.fresh else entries.get(name.lower())
        copy[name if known is None else known[0]] = value
    return copy


def _mapping(headers: Any, call: Any, _: Any) -> Any:
    """Any other mapping minds no case itself; its own copy keeps repeated names and the meaning of its class."""
    copy = headers.copy()
    for name, value in call.set_headers:
        copy[name] = value
    return copy


_WAYS: Dict[type, Way] = {dict: _dict}


def _learn(kind: type) -> Way:
    """How to copy headers of a class seen for the first time."""
    way: Way = _dict if issubclass(kind, dict) else _mapping
    if not _CASE_COUNTS and (kind.__module__, kind.__qualname__) == ("requests.structures", "CaseInsensitiveDict"):
        way = _entries
    if len(_WAYS) < _MAX_KINDS:
        _WAYS[kind] = way
    return way
