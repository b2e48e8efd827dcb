"""The decide seam: one decision per request that reaches a pool, the next instance after a failed connect."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Optional, Tuple

import httpcore

from meshrun import hook

from .dial import MOVABLE, AsyncDial, Dial, arm, refused, unsent
from .outcome import answered, failed
from .routed import DEFAULT_PORTS, Origin, copied, route

UNLIMITED = 1 << 31
DIRECT = {b"http": "http", b"https": "https", b"ws": "http", b"wss": "https"}
PROXIED = {b"http": "http", b"ws": "http"}  # a tunnel's CONNECT carries no colour, what is inside it nobody sees
REPEATABLE = "ByteStream"  # httpcore's own class of bodies that are mere bytes, and that of httpx
NONE: Dict[bytes, str] = {}


class State:
    """What a pool is to us, worked out once: which schemes are decided, whether a proxy dials, its keep-alive limit.

    A pool that makes connections in its own way, as those for HTTP and SOCKS proxies do, is a proxy.
    """

    __slots__ = ("client", "left", "proxied", "schemes")

    def __init__(self, pool: Any) -> None:
        own_way = type(pool).create_connection not in _bare()
        self.proxied = own_way or getattr(pool, "_proxy", None) is not None
        self.schemes = NONE if pool._uds is not None else PROXIED if self.proxied else DIRECT  # noqa: SLF001 -- the
        limit = pool._max_keepalive_connections  # noqa: SLF001 -- pool says this nowhere else
        self.client = hook.client(None if limit > UNLIMITED else limit)
        self.left: FrozenSet[str] = frozenset()  # as `part` was told


def _bare() -> Tuple[Any, ...]:
    return httpcore.ConnectionPool.create_connection, httpcore.AsyncConnectionPool.create_connection


@hook.guarded()
def state_of(pool: Any) -> Optional[State]:
    """The pool's state, made at its first request (by two threads at once it is made twice, to the same effect)."""
    state = State(pool)
    pool._meshrun = state  # noqa: SLF001 -- ours
    return state


def decide(pool: Any, request: httpcore.Request) -> Optional[hook.Call]:
    """Ask for a decision; None: the request goes on as it is.

    What is read here is what httpcore itself reads first of every request; `outbound` has the guard.
    """
    state: Optional[State]
    try:
        state = pool._meshrun  # noqa: SLF001 -- ours
    except AttributeError:
        state = state_of(pool)
    if state is None:
        return None
    url = request.url
    scheme = state.schemes.get(url.scheme)
    if scheme is None:
        return None
    return hook.outbound(
        scheme, url.host.decode("latin-1"), url.port or DEFAULT_PORTS[url.scheme], request.method, url.target,
        request.headers, state.proxied, state.client,
    )  # fmt: skip


@hook.positional()
def part(pool: Any, left: FrozenSet[str]) -> None:
    """Let the idle connections to endpoints that take no new call expire: their pool closes them in this very call."""
    pool._meshrun.left = left  # noqa: SLF001 -- ours
    for connection in pool.connections:
        origin = getattr(connection, "_origin", None)
        if type(origin) is Origin and "%s:%d" % origin.address in left and connection.is_idle():
            connection._connection._expire_at = 0.0  # noqa: SLF001 -- as in `leaving`


@hook.guarded()
def reroute(
    request: httpcore.Request, routed: httpcore.Request, call: hook.Call, error: Exception
) -> Optional[httpcore.Request]:
    """The request for the next instance; None: something was sent, or this was the last one."""
    if not unsent(error) and not (refused(error) and type(request.stream).__name__ == REPEATABLE):
        return None
    if not call.next(error):
        return None
    return copied(request, routed.headers, call)


def make_handle_request(original: Callable[..., Any]) -> Callable[..., Any]:
    """``ConnectionPool.handle_request``."""

    def handle_request(self: httpcore.ConnectionPool, request: httpcore.Request) -> Any:
        call = decide(self, request)
        if call is None:
            return original(self, request)
        response = None
        try:
            if call.refused is not None:
                raise httpcore.ConnectError(call.refused)
            if call.left is not self._meshrun.left:  # type: ignore[attr-defined]
                part(self, call.left)
            routed = route(request, call) or request
            while response is None:
                try:
                    response = original(self, routed)
                except MOVABLE as error:
                    other = reroute(request, routed, call, error)
                    if other is None:
                        raise
                    routed = other
        finally:
            if response is None:
                failed(call)
        answered(call, response)
        return response

    return handle_request


def make_handle_async_request(original: Callable[..., Any]) -> Callable[..., Any]:
    """``AsyncConnectionPool.handle_async_request``: a coroutine function as before, one more frame for every call."""

    async def handle_async_request(self: httpcore.AsyncConnectionPool, request: httpcore.Request) -> Any:
        call = decide(self, request)
        if call is None:
            return await original(self, request)
        response = None
        try:
            if call.refused is not None:
                raise httpcore.ConnectError(call.refused)
            if call.left is not self._meshrun.left:  # type: ignore[attr-defined]
                part(self, call.left)
            routed = route(request, call) or request
            while response is None:
                try:
                    response = await original(self, routed)
                except MOVABLE as error:
                    other = reroute(request, routed, call, error)
                    if other is None:
                        raise
                    routed = other
        finally:
            if response is None:
                failed(call)
        answered(call, response)
        return response

    return handle_async_request


def make_create_connection(original: Callable[..., Any]) -> Callable[..., Any]:
    """``ConnectionPool.create_connection``."""
    return _make_create(original, Dial)


def make_create_async_connection(original: Callable[..., Any]) -> Callable[..., Any]:
    """``AsyncConnectionPool.create_connection``."""
    return _make_create(original, AsyncDial)


def _make_create(original: Callable[..., Any], dial: type) -> Callable[..., Any]:
    def create_connection(self: Any, origin: httpcore.Origin) -> Any:
        if type(origin) is not Origin:
            return original(self, origin)
        connection = original(self, origin.settled())
        arm(connection, origin, dial)
        return connection

    return create_connection
