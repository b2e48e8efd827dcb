"""httpcore, and httpx above it: a call is decided when it reaches the pool; the endpoint is part of the pool's key.

One pool stays one pool: ``max_connections`` counts what it always counted. Mock, ASGI and Unix socket transports never
come here or are left alone.
"""

from __future__ import annotations

from meshrun import hook

LIBRARY = "httpcore"
SUPPORTED = (">=0.15", "<2")
VERSION = ("httpcore", "__version__")
SEAMS = (
    "httpcore:ConnectionPool.handle_request",
    "httpcore:AsyncConnectionPool.handle_async_request",
    "httpcore:ConnectionPool.create_connection",
    "httpcore:AsyncConnectionPool.create_connection",
)


def patch() -> None:
    """Put our functions into the seams; raises AttributeError if one is gone."""
    import httpcore  # noqa: PLC0415 -- only where the app has it

    from . import pool  # noqa: PLC0415 -- derives from httpcore's classes

    hook.replace(httpcore.ConnectionPool, "handle_request", pool.make_handle_request)
    hook.replace(httpcore.AsyncConnectionPool, "handle_async_request", pool.make_handle_async_request)
    hook.replace(httpcore.ConnectionPool, "create_connection", pool.make_create_connection)
    hook.replace(httpcore.AsyncConnectionPool, "create_connection", pool.make_create_async_connection)


def unpatch() -> None:
    """Put httpcore's functions back."""
    import httpcore  # noqa: PLC0415 -- only where the app has it

    hook.restore(httpcore.ConnectionPool, "handle_request")
    hook.restore(httpcore.AsyncConnectionPool, "handle_async_request")
    hook.restore(httpcore.ConnectionPool, "create_connection")
    hook.restore(httpcore.AsyncConnectionPool, "create_connection")
