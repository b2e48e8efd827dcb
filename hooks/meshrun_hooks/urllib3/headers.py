"""The headers of a call: the app's, and ours set beside them, the app's object untouched.

Where nobody looks between the pool and the wire, and the app has set none of ours itself, they are written as ready
lines in front of the app's, since http.client checks and encodes each header anew in every call. Else they are set in
a copy of a kind that urllib3 takes. A name that is there already, in any case, keeps its place and, where the mapping
allows, its spelling.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Callable, Dict, Optional, Set, Tuple

from urllib3 import _version
from urllib3.connection import HTTPConnection

from meshrun import hook

from .kinds import OWN, own

Headings = Tuple[Tuple[str, str], ...]
Way = Callable[[Any, Any, Any], Any]

_CASE_COUNTS = [int(number) for number in _version.__version__.split(".")[:3] if number.isdigit()] < [1, 26, 6]
"""Whether urllib3 asks the headers themselves for a lower-case name, so that a plain dict of them would not do."""
_MAX_KINDS = 64
_MAX_LINES = 256

_apart: Set[Any] = set()
"""Classes of pools and connections whose requests are not seen by anybody above the connection."""
_lines: Dict[int, Tuple[Headings, Optional[bytes]]] = {}
"""By the `id` of the headers, which are kept, so that nothing else gets it."""


def write_apart(*, allowed: bool) -> None:
    """Say whether ours may be written as lines: not below another agent, which looks for its own headers there."""
    _apart.clear()
    if allowed:
        _apart.update(OWN)


def split(headers: Any, call: Any, pool: Any) -> Tuple[Any, Optional[bytes]]:
    """The headers for a request of `pool`, and the lines that its connection adds to them, if it does."""
    if call.steady and type(pool) in _apart and pool.ConnectionCls in _apart:
        added = call.set_headers
        lines = (_lines.get(id(added)) or _learn_lines(added))[1]
        if lines is not None:
            kind = type(headers)
            if (_WAYS.get(kind) or _learn(kind)) is _entries:  # urllib3 itself makes slow copies of what `requests` has
                headers = dict(headers._store.values())  # noqa: SLF001 -- as in `_entries`
            return headers, lines
    return with_set(headers, call, pool), None


def _learn_lines(added: Headings) -> Tuple[Headings, Optional[bytes]]:
    """The headers, and what http.client would make of them; None where it has to say itself what it thinks of them."""
    connection = HTTPConnection("localhost")
    try:
        connection.putrequest("GET", "/", skip_host=True, skip_accept_encoding=True)
        before = len(connection._buffer)  # type: ignore[attr-defined] # noqa: SLF001 -- its only place
        for name, value in added:
            connection.putheader(name, value)
        lines: Optional[bytes] = b"\r\n".join(connection._buffer[before:])  # type: ignore[attr-defined] # noqa: SLF001 -- as above
    except (AttributeError, ValueError):  # UnicodeError is one of these
        lines = None
    if len(_lines) >= _MAX_LINES:
        _lines.clear()
    known = _lines[id(added)] = (added, lines)
    return known


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
        hook.view(kind, attrgetter("_store"))  # its own iterator takes a step of Python for each name
    if len(_WAYS) < _MAX_KINDS:
        _WAYS[kind] = way
    return way
