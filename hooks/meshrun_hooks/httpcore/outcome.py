"""Ends a call: when the app closes its response, else at its failure. A streamed response is in flight until then."""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional, Tuple

import httpcore

from meshrun import hook

from .dial import refused

UNSENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
Ending = Tuple["hook.Call", int, Any]


@hook.positional()
def answered(call: hook.Call, response: httpcore.Response) -> None:
    """The response's head is there: the call ends with its stream."""
    stream: Any = response.stream
    stream._meshrun = (call, response.status, response.headers)  # noqa: SLF001 -- ours


@hook.guarded()
def failed(call: hook.Call) -> None:
    """The exception that is passing through ends the call."""
    error = sys.exc_info()[1]
    call.done(None, None, error, not (isinstance(error, UNSENT) or refused(error)))


def make_close(original: Callable[[Any], None]) -> Callable[[Any], None]:
    """`close` of a response's stream."""

    def close(self: Any) -> None:
        ending: Optional[Ending] = getattr(self, "_meshrun", None)
        if ending is None:
            return original(self)
        self._meshrun = None
        try:
            original(self)
        finally:
            call, status, headers = ending
            call.done(status, headers, None, True)
        return None

    return close


def make_aclose(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`aclose` of a response's stream."""

    async def aclose(self: Any) -> None:
        ending: Optional[Ending] = getattr(self, "_meshrun", None)
        if ending is None:
            return await original(self)  # type: ignore[no-any-return]
        self._meshrun = None
        try:
            await original(self)
        finally:
            call, status, headers = ending
            call.done(status, headers, None, True)
        return None

    return aclose
