"""When the seams go out: whether routed connections are in use, and what becomes of the idle ones.

A bare pool would take a connection that leads to an endpoint for one to the address as written. So the seam that takes
connections back stays until the last of them came home, and those that wait are closed.
"""

from __future__ import annotations

from typing import Any

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from meshrun import hook

from .attempt import MARK
from .idle import Idle


def under_way() -> bool:
    """Whether a routed call has not ended or its connection is still in use; idle ones are closed."""
    busy = hook.calls_under_way()
    for thing in hook.alive(HTTPConnection, HTTPConnectionPool):
        mark = vars(thing).get(MARK)
        if isinstance(mark, Idle):
            mark.drain()
        elif mark is not None and getattr(thing, "sock", None) is not None:
            busy = busy or _leads_elsewhere(mark)
    return busy


def _leads_elsewhere(attempt: Any) -> bool:
    """Whether the connection of an attempt was dialled to an endpoint."""
    call = attempt.call
    return (attempt.endpoint if call is None else call.endpoint) is not None
