"""Ends a call: when its connection goes back to the connector or is closed."""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional

from .routed import ROUTED, Routed


def make_start(original: Callable[..., Any]) -> Callable[..., Any]:
    """``ClientResponse.start``, which reads the head of a response."""

    async def start(self: Any, connection: Any) -> Any:
        routed: Optional[Routed] = getattr(connection, ROUTED, None)
        if routed is None:
            return await original(self, connection)
        routed.reading(connection)
        came = False
        try:
            response = await original(self, connection)
            came = True
        finally:
            if not came:
                routed.failed(sys.exc_info()[1])
        routed.read(connection, self.status, self.headers)
        return response

    return start
