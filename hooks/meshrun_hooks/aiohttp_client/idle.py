"""The keep-alive seam: before a routed call asks for a pooled connection, those that idled too long are closed."""

from __future__ import annotations

from time import monotonic
from typing import Any

import aiohttp

FIRST_MONOTONIC = (3, 10)
"""Before this version the connector noted the loop's time."""
_monotonic = tuple(int(part) for part in aiohttp.__version__.split(".")[:2]) >= FIRST_MONOTONIC


def drop_old(connector: Any, key: Any, keepalive: float) -> None:
    """Close the endpoint's connections that are idle for longer than `keepalive` seconds, oldest first."""
    pooled = connector._conns.get(key)  # noqa: SLF001 -- the pool has no public name
    if not pooled:
        return
    now = monotonic() if _monotonic else connector._loop.time()  # noqa: SLF001 -- the clock it was noted with
    while pooled and now - pooled[0][1] > keepalive:
        protocol = pooled[0][0]
        del pooled[0]
        transport = protocol.transport
        protocol.close()
        if key.is_ssl and not connector._cleanup_closed_disabled:  # noqa: SLF001 -- as aiohttp does
            connector._cleanup_closed_transports.append(transport)  # noqa: SLF001
    if not pooled:
        del connector._conns[key]  # noqa: SLF001 -- as aiohttp does
