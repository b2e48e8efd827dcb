"""The idle connections of one app's pool, by endpoint.

A routed call takes its place in the pool's own queue, as ever, and its connection from here. The queue then holds
places only, so ``maxsize`` with ``block=True``, ``pool_timeout`` and the errors of a full or closed pool are the
library's own. Lists are changed by single operations of the interpreter, because a lock that another thread holds
while the process forks would stay locked for ever in the child.
"""

from __future__ import annotations

import sys
import weakref
from time import monotonic
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Tuple

from urllib3.util.connection import is_connection_dropped

from meshrun import hook

from .attempt import CURRENT, MARK, Attempt

Waiting = List[Tuple[float, Any]]
"""(since when, connection), newest last."""

INFINITY = float("inf")
SWEEP_SECONDS = 5.0
"""How often a pool looks for connections that the other side has closed and nobody asked for since."""
CROWDED_SECONDS = 60.0
"""How long a connection may wait in a pool that has more of them than the library itself would keep."""


class Idle:
    """The idle connections of one pool. Nothing here refers to the pool, so a dropped pool goes at once."""

    __slots__ = ("__weakref__", "client", "left", "limit", "lists", "swept")

    def __init__(self, client: Any, limit: int) -> None:
        self.limit = limit  # most connections that wait for one endpoint
        self.client = client  # what `hook.client` answered, for a pool with a hard limit
        self.lists: Dict[Optional[str], Waiting] = {}  # by endpoint; None: the address as the app wrote it
        self.swept = monotonic()
        self.left: FrozenSet[str] = frozenset()  # as `part` was told

    def park(self, endpoint: Optional[str], conn: Any, now: float) -> None:
        """Let a connection wait from `now` on; more than the pool would keep are closed."""
        waiting = self.lists.get(endpoint)
        if waiting is None:
            waiting = self.lists.setdefault(endpoint, [])
        waiting.append((now, conn))
        if len(waiting) > self.limit:
            _close_oldest(waiting)

    @hook.guarded(where="urllib3.drain")
    def drain(self) -> None:
        """Close them all."""
        for waiting in list(self.lists.values()):
            while waiting:
                _close_oldest(waiting)

    @hook.guarded(where="urllib3.sweep")
    def sweep(self, now: float) -> None:
        """Close what is of no use: endpoints that left the mesh, or the window of this process, are not asked for."""
        self.swept = now
        crowded = sum(map(len, list(self.lists.values()))) > self.limit
        for endpoint, waiting in list(self.lists.items()):
            while any(
                is_connection_dropped(conn) or (crowded and now - since > CROWDED_SECONDS)
                for since, conn in waiting[:1]
            ):
                _close_oldest(waiting)
            if not waiting:
                self.lists.pop(endpoint, None)

    @hook.guarded(where="urllib3.part")
    def part(self, left: FrozenSet[str]) -> None:
        """Close those to endpoints that take no new call."""
        self.left = left
        for endpoint in left.intersection(filter(None, list(self.lists))):
            waiting = self.lists.get(endpoint)
            while waiting:
                _close_oldest(waiting)

    def shed(self, places: int) -> None:
        """Close those that have waited longest until there are no more than `places`."""
        lists = list(self.lists.values())
        for _ in range(sum(map(len, lists)) - places):
            _close_oldest(min(lists, key=lambda waiting: min((since for since, _ in waiting[:1]), default=INFINITY)))


def _close_oldest(waiting: Waiting) -> None:
    try:
        _, conn = waiting.pop(0)
    except IndexError:  # another thread was faster
        return
    conn.close()


def of(pool: Any) -> Idle:
    """The idle connections of a pool, from its first routed call on."""
    known: Optional[Idle] = getattr(pool, MARK, None)
    if known is not None:
        return known
    limit = getattr(pool.pool, "maxsize", None) or sys.maxsize
    new = Idle(hook.client(limit) if pool.block else None, limit)
    known = pool.__dict__.setdefault(MARK, new)
    if known is new:
        weakref.finalize(pool, new.drain)
    return known


def client(pool: Any) -> Any:
    """The client of a pool with a hard limit, for `hook.outbound`."""
    idle = getattr(pool, "_meshrun", None)
    return None if idle is None else idle.client


def get_conn(original: Callable[..., Any]) -> Callable[..., Any]:
    """`HTTPConnectionPool._get_conn`: takes a place in the queue."""

    def _get_conn(self: Any, timeout: Optional[float] = None) -> Any:
        conn = original(self, timeout)
        attempt = CURRENT.get()
        if attempt is None or attempt.pool is not self:
            return conn
        call = attempt.call
        if call is not None and (call.endpoint is not None or call.refused is not None):
            # The place held a connection to the address as written: it waits for the next call that goes there.
            of(self).park(None, conn, monotonic())
            return self._new_conn()
        attempt.took(conn)
        return conn

    return _get_conn


def new_conn(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`HTTPConnectionPool._new_conn` and the one of HTTPS: called for a place without a connection."""

    def _new_conn(self: Any) -> Any:
        attempt = CURRENT.get()
        if attempt is not None and attempt.pool is not self:
            attempt = None
        idle = getattr(self, "_meshrun", None)
        conn = (idle is not None and _take(self, idle, attempt)) or original(self)
        if attempt is not None:
            conn._meshrun = attempt  # noqa: SLF001 -- `Attempt.took` written out
            attempt.pool = None
        return conn

    return _new_conn


@hook.positional(where="urllib3.take")
def _take(pool: Any, idle: Idle, attempt: Optional[Attempt]) -> Any:
    """An idle connection for the attempt, closed if it waited too long (urllib3 opens it again); None: make one."""
    endpoint = keepalive = refused = None
    call = attempt.call if attempt is not None else None
    if call is not None:
        endpoint, keepalive, refused = call.endpoint, call.keepalive, call.refused
        left = call.left
        if left is not idle.left:
            idle.part(left)
    waiting = idle.lists.get(endpoint)
    if not waiting or refused is not None:
        if pool.block:
            idle.shed(pool.pool.qsize())
        return None
    try:
        since, conn = waiting.pop()
    except IndexError:  # another thread was faster
        return None
    if (keepalive is not None and monotonic() - since > keepalive) or is_connection_dropped(conn):
        conn.close()
    return conn


def put_conn(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`HTTPConnectionPool._put_conn`: gives a connection and its place back."""

    def _put_conn(self: Any, conn: Any) -> Any:
        idle = getattr(self, "_meshrun", None)
        if idle is None or conn is None:
            return original(self, conn)
        return original(self, None if _keep(self, idle, conn) else conn)

    return _put_conn


@hook.positional(default=False, where="urllib3.keep")
def _keep(pool: Any, idle: Idle, conn: Any) -> bool:
    """Let the connection wait here; False: the pool is closed, the library closes the connection."""
    attempt = getattr(conn, "_meshrun", None)
    endpoint = None
    if attempt is not None:
        endpoint = attempt.endpoint if attempt.call is None else attempt.call.endpoint
        conn._meshrun = None  # noqa: SLF001 -- our own mark; what waits must not keep a snapshot alive
    if pool.pool is None:
        return False
    now = monotonic()
    if now - idle.swept > SWEEP_SECONDS:
        idle.sweep(now)
    waiting = idle.lists.get(endpoint)
    if waiting is None or len(waiting) >= idle.limit:
        idle.park(endpoint, conn, now)
    else:
        waiting.append((now, conn))  # `park` written out
    if pool.pool is None:  # closed by another thread just now
        idle.drain()
    return True


def close(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`HTTPConnectionPool.close`."""

    def close(self: Any) -> Any:
        result = original(self)
        idle = getattr(self, "_meshrun", None)
        if idle is not None:
            idle.drain()
        return result

    return close
