"""httpcore, and httpx above it: a call is decided when it reaches the pool; the endpoint is part of the pool's key.

One pool stays one pool: ``max_connections`` counts what it always counted. Mock, ASGI and Unix socket transports never
come here or are left alone.
"""

from __future__ import annotations

from typing import Any, Callable, List, Tuple

from meshrun import hook

LIBRARY = "httpcore"
SUPPORTED = (">=0.15", "<2")
VERSION = ("httpcore", "__version__")
SEAMS = (
    "httpcore:ConnectionPool.handle_request",
    "httpcore:ConnectionPool.create_connection",
    "httpcore:AsyncConnectionPool.handle_async_request",
    "httpcore:AsyncConnectionPool.create_connection",
    "httpcore._sync.connection_pool:PoolByteStream.close",
    "httpcore._async.connection_pool:PoolByteStream.aclose",
)


def _seams() -> List[Tuple[Any, str, Callable[[Any], Any]]]:
    import httpcore  # noqa: PLC0415 -- only where the app has it
    from httpcore._async import connection_pool as asynchronous  # noqa: PLC0415, PLC2701 -- its streams have no other
    from httpcore._sync import connection_pool as synchronous  # noqa: PLC0415, PLC2701 -- name

    from . import outcome, pool  # noqa: PLC0415 -- they derive from httpcore's classes

    return [
        (httpcore.ConnectionPool, "handle_request", pool.make_handle_request),
        (httpcore.ConnectionPool, "create_connection", pool.make_create_connection),
        (httpcore.AsyncConnectionPool, "handle_async_request", pool.make_handle_async_request),
        (httpcore.AsyncConnectionPool, "create_connection", pool.make_create_async_connection),
        (outcome.stream_class(synchronous), "close", outcome.make_close),
        (outcome.stream_class(asynchronous), "aclose", outcome.make_aclose),
    ]


def patch() -> None:
    """Put our functions into the seams; raises AttributeError if one is gone."""
    for owner, name, make in _seams():
        hook.replace(owner, name, make)


def unpatch() -> None:
    """Put httpcore's functions back."""
    for owner, name, _ in _seams():
        hook.restore(owner, name)
