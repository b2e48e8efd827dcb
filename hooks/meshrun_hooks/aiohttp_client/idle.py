"""The keep-alive seam: before a routed call asks for a pooled connection, some idle ones are closed.

Those that idled too long, and those to endpoints that take no new call.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, Dict, FrozenSet, Optional

import aiohttp

DUE, LEFT = "_meshrun_due", "_meshrun_left"
MAX_KNOWN = 4096
FIRST_MONOTONIC = (3, 10)
"""Before this version the connector noted the loop's time, which is the same clock but for loops of their own."""
_monotonic = tuple(int(part) for part in aiohttp.__version__.split(".")[:2]) >= FIRST_MONOTONIC


def clock(connector: Any) -> float:
    """The time as the connector notes it beside an idle connection."""
    return monotonic() if _monotonic else connector._loop.time()  # noqa: SLF001 - the clock that aiohttp stamps with


def drop_old(connector: Any, endpoint: Optional[str], mark: Any, keepalive: float) -> None:
    """Close the endpoint's connections that are idle for longer than `keepalive` seconds.

    `mark` is what the request has in the place of a proxy's headers: its hash is in their keys. None can be due before
    the oldest is, so most calls look at one number only.
    """
    now = clock(connector)
    due: Dict[Optional[str], float] = getattr(connector, DUE, None) or {}
    if due.get(endpoint, 0.0) > now:
        return
    if not due:
        setattr(connector, DUE, due)
    oldest = now
    hashed = hash(tuple(mark.items()))
    pools = connector._conns  # noqa: SLF001 -- the pool has no public name
    for key in [key for key in pools if key.proxy_headers_hash == hashed]:
        pooled = pools[key]
        while pooled and now - pooled[0][1] > keepalive:
            _close_oldest(connector, key, pooled)
        if pooled:
            oldest = min(oldest, pooled[0][1])
        else:
            del pools[key]
    if len(due) >= MAX_KNOWN:
        due.clear()
    due[endpoint] = oldest + keepalive


def drop_left(connector: Any, left: FrozenSet[str], named: str) -> None:
    """Close the connections to endpoints that take no new call. `named`: what names the endpoint in a key's mark."""
    setattr(connector, LEFT, left)
    hashes = {hash(((named, endpoint),)) for endpoint in left}
    pools = connector._conns  # noqa: SLF001 -- as above
    for key in [key for key in pools if key.proxy_headers_hash in hashes]:
        pooled = pools.pop(key)
        while pooled:
            _close_oldest(connector, key, pooled)


def _close_oldest(connector: Any, key: Any, pooled: Any) -> None:
    protocol = pooled[0][0]
    del pooled[0]
    transport = protocol.transport
    protocol.close()
    if key.is_ssl and not connector._cleanup_closed_disabled:  # noqa: SLF001 -- as aiohttp does
        connector._cleanup_closed_transports.append(transport)  # noqa: SLF001 - as its own
