"""Ends a call: when its connection goes back to the connector or is closed."""

from __future__ import annotations

from typing import Any, Callable, Optional

from .routed import ROUTED, Routed


def attach(connection: Any, routed: Routed) -> None:
    """Let the call ride on the connection and end with it."""
    setattr(connection, ROUTED, routed)
    connection.add_callback(routed.end)


def make_start(original: Callable[..., Any]) -> Callable[..., Any]:
    """``ClientResponse.start``, which reads the head of a response."""

    async def start(self: Any, connection: Any) -> Any:
        routed: Optional[Routed] = getattr(connection, ROUTED, None)
        if routed is None:
            return await original(self, connection)
        routed.reading()
        try:
            response = await original(self, connection)
            routed.read(self.status, self.headers)
            return response
        finally:
            routed.not_reading()

    return start
