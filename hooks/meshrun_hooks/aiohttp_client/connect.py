"""The decide seam: one decision per request that reaches a connector, the next instance after a failed connect."""

from __future__ import annotations

import sys
from time import monotonic
from typing import Any, Callable, Dict, Optional

from aiohttp import connector as connectors
from aiohttp import helpers

from meshrun import hook

from .dial import CONNECT_ERRORS, family, later
from .errors import as_written, refusal
from .idle import LEFT, drop_left, drop_old
from .places import place_of
from .routed import Routed

DIRECT = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
PROXIED = {"http": "http", "ws": "http"}  # a tunnel's CONNECT carries no colour, what is inside it nobody sees
NONE: Dict[str, str] = {}
DIALS = ("_create_connection", "_create_direct_connection", "_resolve_host", "_wrap_create_connection")
ENDPOINT = "x-meshrun-endpoint"
MAX_KNOWN = 256
_schemes: Dict[type, Dict[str, str]] = {}
_separating: Dict[type, bool] = {}


def schemes_of(kind: type) -> Dict[str, str]:
    """The schemes that a class of connectors has decided: only those of TCP connectors.

    One that makes its TCP connections in its own way, as those for SOCKS do, is a proxy: nobody knows where it dials.
    """
    bare = connectors.TCPConnector
    if not issubclass(kind, bare):
        found = NONE
    elif any(_owner(kind, name) is not _owner(bare, name) for name in DIALS):
        found = PROXIED
    else:
        found = DIRECT
    if len(_schemes) >= MAX_KNOWN:  # an app that makes classes as it goes
        _schemes.clear()
    _schemes[kind] = found
    return found


def _owner(kind: type, name: str) -> Optional[type]:
    """The class that has the method: another agent's wrapper on it may be a new object each time it is read."""
    return next((base for base in kind.__mro__ if name in vars(base)), None)


def decide(connector: Any, request: Any) -> Optional[hook.Call]:
    """Ask for a decision; None: the request goes on as it is.

    What is read here is what aiohttp itself reads of every request; `outbound` has the guard.
    """
    kind = type(connector)
    schemes = _schemes.get(kind)
    if schemes is None:
        schemes = schemes_of(kind)
    if request.proxy is not None and schemes is DIRECT:
        schemes = PROXIED
    url = request.url
    scheme = schemes.get(url.scheme)
    if scheme is None:
        return None
    return hook.outbound(
        scheme, url.raw_host, url.port, request.method, url.raw_path_qs, request.headers, schemes is PROXIED
    )  # fmt: skip


def separates(request: Any) -> bool:
    """Whether that class of requests makes connection keys as aiohttp does; otherwise endpoints would mix."""
    plain, theirs = request.connection_key, request.proxy_headers
    request.proxy_headers = {ENDPOINT: ENDPOINT}
    found: bool = request.connection_key != plain
    if len(_separating) >= MAX_KNOWN:
        _separating.clear()
    _separating[type(request)] = found
    request.proxy_headers = theirs
    return found


@hook.positional()
def prepare(connector: Any, request: Any, routed: Routed, call: hook.Call) -> None:
    """Colour the request, and let it ask the connector for a connection to the endpoint of the call, if it has one.

    The endpoint enters the key by the field that aiohttp has for a proxy's headers; there is no proxy here.
    """
    if routed.headers is None:
        routed.colour(call, request.headers)
    address = call.address
    if address is None:
        return
    ours = _separating.get(type(request)) or separates(request)
    own = connector._family  # noqa: SLF001 -- no public name in a subclass
    if not ours or (own and own != family(address[0])):
        call.only_colour(call.reason)
        return
    routed.address = address
    mark = {ENDPOINT: call.endpoint}
    theirs = routed.proxy_headers = request.proxy_headers
    request.proxy_headers = mark if theirs is None else dict(theirs, **mark)
    request._meshrun = routed  # noqa: SLF001 -- ours
    if not connector._conns:  # noqa: SLF001 -- the pool has no public name
        return
    left = call.left
    if getattr(connector, LEFT, None) is not left:
        drop_left(connector, left, ENDPOINT)
    if call.keepalive is not None:
        drop_old(connector, call.endpoint, request.proxy_headers, call.keepalive)


@hook.guarded(default=False)
def again(call: hook.Call, routed: Routed, error: BaseException) -> bool:
    """Whether nothing was sent and another instance is left, which the call has now."""
    if routed.unsent is not error or not call.next(error):
        return False
    routed.unsent = routed.address = None
    return True


async def seat(connector: Any, request: Any, traces: Any, timeout: Any, routed: Routed) -> None:
    """Take a place of the service, within the app's timeout; ``limit_per_host`` is set."""
    url = request.url
    place = place_of(connector, (url.raw_host, url.port, request.is_ssl()))
    async with helpers.ceil_timeout(timeout.connect):
        await place.take(connector._loop, traces)  # noqa: SLF001 -- no public name
        routed.place = place


def make_connect(original: Callable[..., Any]) -> Callable[..., Any]:
    """``BaseConnector.connect``: a coroutine function as before, one more frame for every call."""

    async def connect(self: Any, req: Any, traces: Any, timeout: Any) -> Any:
        call = decide(self, req)
        if call is None:
            return await original(self, req, traces, timeout)
        routed = Routed(call)
        connection = None
        begun = monotonic() if timeout.connect else 0.0
        try:
            if call.refused is not None:
                raise refusal(req, call.refused)
            if self._limit_per_host:
                await seat(self, req, traces, timeout, routed)
                timeout = later(timeout, begun) or timeout
            while connection is None:
                prepare(self, req, routed, call)
                try:
                    connection = await original(self, req, traces, timeout)
                except CONNECT_ERRORS as error:
                    if not again(call, routed, error):
                        as_written(req, routed, error)
                        raise
                    timeout = later(timeout, begun) or timeout
                finally:
                    if routed.address is not None:  # nothing of ours stays on the request
                        req.proxy_headers = routed.proxy_headers
                        del req._meshrun  # noqa: SLF001 -- ours
        finally:
            if connection is None:
                routed.plain()
                routed.end(sys.exc_info()[1], sent=False)
        connection._meshrun = routed  # noqa: SLF001 -- ours
        connection.add_callback(routed.end)
        return connection

    return connect
