"""httpcore's own values in their routed form: the endpoint rides in the URL's origin, which is httpcore's pool key.

The app's `Request`, its URL and its list of headers are never changed: a routed call is a new `Request`.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Tuple

import httpcore

from meshrun import hook

from .head import lines

Set = Tuple[Tuple[str, str], ...]
Address = Tuple[str, int]
DEFAULT_PORTS = {b"http": 80, b"https": 443, b"ws": 80, b"wss": 443}
MAX_KNOWN = 1024
_new = object.__new__


class Encoded(NamedTuple):
    """Headers as httpcore has them, their names in lower case, and what ends a head of HTTP/1.1 that has them last."""

    added: Set  # kept, so that nothing else gets its `id`
    pairs: List[Tuple[bytes, bytes]]
    names: FrozenSet[bytes]
    lines: Optional[bytes]


_known: Dict[int, Encoded] = {}
"""By the `id` of the headers to set, where they are the same object for each call of a colour."""


class Origin(httpcore.Origin):
    """A pool key of scheme, host and port as the app wrote them, and the endpoint that is dialled.

    A connection that was verified for one name is never used for another, and never equals an unrouted one.
    """

    address: Address
    key: Tuple[Address, bytes, int, bytes]
    call: Optional[hook.Call]  # of the request only: a connection's own origin has none, it outlives the call

    def __eq__(self, other: object) -> bool:
        return type(other) is Origin and self.key == other.key

    __hash__ = None  # type: ignore[assignment] # as httpcore's

    def settled(self) -> Origin:
        """The same key without the call."""
        return _origin(self.scheme, self.host, self.port, self.address, None)


def _origin(scheme: bytes, host: bytes, port: int, address: Address, call: Optional[hook.Call]) -> Origin:
    made: Origin = _new(Origin)  # without a step from C to Python, as for all three objects of a call
    made.scheme = scheme
    made.host = host
    made.port = port
    made.address = address
    made.key = (address, host, port, scheme)
    made.call = call
    return made


class URL(httpcore.URL):
    """The URL that the app wrote; only its origin is ours. Equal to and printed as the app's."""

    origin: Any = None  # shadows a property that makes a new origin at each use


def _url(url: httpcore.URL, address: Address, call: hook.Call) -> URL:
    made: URL = _new(URL)
    scheme = made.scheme = url.scheme
    host = made.host = url.host
    port = made.port = url.port
    made.target = url.target
    made.origin = _origin(scheme, host, port or DEFAULT_PORTS[scheme], address, call)
    return made


class Lower(Dict[bytes, bytes]):
    """Memo from a header's name, as any app spells it, to lower case. Bounded."""

    def __missing__(self, name: bytes) -> bytes:
        if len(self) >= MAX_KNOWN:
            self.clear()
        lower = self[name] = name.lower()
        return lower


_lower = Lower()


def encoded(added: Set, *, steady: bool) -> Encoded:
    """What is written of these headers; kept where they are the same for each call of a colour."""
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in added]
    names = frozenset(name.lower() for name, _ in pairs)
    if not steady:
        return Encoded(added, pairs, names, None)
    if len(_known) >= MAX_KNOWN:
        _known.clear()
    known = _known[id(added)] = Encoded(added, pairs, names, lines(pairs))
    return known


@hook.positional()
def route(request: httpcore.Request, call: hook.Call) -> httpcore.Request:
    """The app's request on its way to the endpoint of the call, with the headers of the call."""
    added = call.set_headers
    known = _known.get(id(added)) or encoded(added, steady=call.steady)
    given = request.headers
    if not call.fresh:
        given = [pair for pair in given if _lower[pair[0]] not in known.names]
    routed = copied(request, [*given, *known.pairs], call)
    if known.lines is not None:
        routed._meshrun = (given, known.lines)  # type: ignore[attr-defined] # noqa: SLF001 -- ours
    return routed


def copied(request: httpcore.Request, headers: List[Tuple[bytes, bytes]], call: hook.Call) -> httpcore.Request:
    """A new request with these headers; its origin names the endpoint of the call, if it has one."""
    routed: httpcore.Request
    if type(request) is httpcore.Request:  # attribute by attribute: reading __dict__ slows an object down for good
        routed = _new(httpcore.Request)
        routed.method = request.method
        routed.stream = request.stream
        routed.extensions = request.extensions
    else:
        routed = copy(request)
    address = call.address
    routed.url = request.url if address is None else _url(request.url, address, call)
    routed.headers = headers
    return routed
