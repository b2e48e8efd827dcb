"""httpcore, and httpx above it: a call is decided when it reaches the pool; the endpoint is part of the pool's key.

One pool stays one pool: ``max_connections`` counts what it always counted. Mock, ASGI and Unix socket transports never
come here or are left alone.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, List, Tuple

from meshrun import hook


def _stream(pools: str) -> str:
    """The class of the streams of a pool's responses; it was called otherwise before 1.0.3."""
    module = sys.modules.get(pools)
    name = "PoolByteStream" if module is None or hasattr(module, "PoolByteStream") else "ConnectionPoolByteStream"
    return "%s:%s" % (pools, name)


LIBRARY = "httpcore"
SUPPORTED = (">=0.15", "<2")
VERSION = ("httpcore", "__version__")
SEAMS = (
    "httpcore:ConnectionPool.handle_request",
    "httpcore:ConnectionPool.create_connection",
    "httpcore:AsyncConnectionPool.handle_async_request",
    "httpcore:AsyncConnectionPool.create_connection",
    _stream("httpcore._sync.connection_pool") + ".close",
    _stream("httpcore._async.connection_pool") + ".aclose",
    "httpcore._sync.http11:HTTP11Connection._send_request_headers",
    "httpcore._async.http11:AsyncHTTP11Connection._send_request_headers",
)


def _seams() -> List[Tuple[Any, str, Callable[[Any], Any]]]:
    import httpcore
    from httpcore._async import connection_pool as asynchronous
    from httpcore._async import http11 as asynchronous_http11
    from httpcore._sync import connection_pool as synchronous
    from httpcore._sync import http11 as synchronous_http11

    from . import head, outcome, pool

    return [
        (httpcore.ConnectionPool, "handle_request", pool.make_handle_request),
        (httpcore.ConnectionPool, "create_connection", pool.make_create_connection),
        (httpcore.AsyncConnectionPool, "handle_async_request", pool.make_handle_async_request),
        (httpcore.AsyncConnectionPool, "create_connection", pool.make_create_async_connection),
        (_named(synchronous, SEAMS[4]), "close", outcome.make_close),
        (_named(asynchronous, SEAMS[5]), "aclose", outcome.make_aclose),
        (synchronous_http11.HTTP11Connection, "_send_request_headers", head.make_send),
        (asynchronous_http11.AsyncHTTP11Connection, "_send_request_headers", head.make_async_send),
    ]


def _named(module: Any, seam: str) -> Any:
    return getattr(module, seam.partition(":")[2].partition(".")[0])


def _under_way() -> bool:
    from . import leaving

    return leaving.under_way()


patch, unpatch = hook.seams(_seams, ("handle_request", "handle_async_request"), _under_way)
