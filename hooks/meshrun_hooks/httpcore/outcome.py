"""Ends a call: when the app closes its response, else at its failure.

A streamed response is in flight until it is closed. httpcore tells nobody but the response's own stream, so the stream
of a mesh call (and no other) becomes an object of a subclass of its class.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, Optional

import httpcore

from meshrun import hook

UNSENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
_streams: Dict[type, type] = {}


@hook.guarded()
def finish(call: hook.Call, status: Optional[int], headers: Any, error: Any = None, sent: bool = True) -> None:
    """The call ended."""
    call.done(status, headers, error, sent)


def end(stream: Any) -> None:
    """The app is done with this stream, or dropped it unclosed."""
    ending = stream.__dict__.pop("_meshrun", None)
    if ending is not None:
        finish(*ending)


def make_stream(base: Any) -> type:
    """The subclass of httpcore's stream that ends its call."""

    class Stream(base):  # type: ignore[misc]
        def close(self) -> None:
            try:
                base.close(self)
            finally:
                end(self)

        def __del__(self) -> None:
            end(self)

    return Stream


def make_async_stream(base: Any) -> type:
    """The same for an asynchronous pool."""

    class Stream(base):  # type: ignore[misc]
        async def aclose(self) -> None:
            try:
                await base.aclose(self)
            finally:
                end(self)

        def __del__(self) -> None:
            end(self)

    return Stream


def _follow(stream: Any, call: hook.Call, response: httpcore.Response, make: Callable[[Any], type]) -> None:
    base = type(stream)
    ours = _streams.get(base)
    if ours is None:
        ours = make(base)
        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(ours, name, getattr(base, name))
        _streams[base] = ours
    stream.__class__ = ours
    stream.__dict__["_meshrun"] = (call, response.status, response.headers)


@hook.guarded()
def answered(call: hook.Call, response: httpcore.Response) -> None:
    """The response's head is there: the call ends with its stream."""
    _follow(response.stream, call, response, make_stream)


@hook.guarded()
def answered_async(call: hook.Call, response: httpcore.Response) -> None:
    """The same on an asynchronous pool."""
    _follow(response.stream, call, response, make_async_stream)


def failed(call: hook.Call) -> None:
    """The exception that is passing through ends the call."""
    error = sys.exc_info()[1]
    finish(call, None, None, error, not isinstance(error, UNSENT))
