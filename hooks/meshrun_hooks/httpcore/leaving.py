"""When the seams go out: whether routed calls are under way, and what becomes of idle connections to endpoints.

Nobody asks for those any more, for their key is never equal to that of a bare request. They are let expire, so that
their pool, which alone may close them, does so at its next request.
"""

from __future__ import annotations

from httpcore._async import http2 as asynchronous2
from httpcore._async import http11 as asynchronous
from httpcore._sync import http2 as synchronous2
from httpcore._sync import http11 as synchronous

from meshrun import hook

from .routed import Origin


def under_way() -> bool:
    """Whether a routed call has not ended; if none, idle connections expire now."""
    if hook.calls_under_way():
        return True
    for connection in hook.alive(
        synchronous.HTTP11Connection, asynchronous.AsyncHTTP11Connection,
        synchronous2.HTTP2Connection, asynchronous2.AsyncHTTP2Connection,
    ):  # fmt: skip
        if type(getattr(connection, "_origin", None)) is Origin:
            connection._expire_at = 0.0  # noqa: SLF001 -- on the monotonic clock; the pool has no public name for it
    return False
