"""The library's own errors, naming what the app wrote."""

from __future__ import annotations

import errno
from typing import Any

from aiohttp import client_exceptions

from meshrun import hook

from .routed import Routed


def refusal(request: Any, text: str) -> Exception:
    """What a connect raises that is refused."""
    error = ConnectionRefusedError(errno.ECONNREFUSED, text)
    return client_exceptions.ClientConnectorError(request.connection_key, error)


@hook.guarded()
def as_written(request: Any, routed: Routed, error: BaseException) -> None:
    """Put host and port as the app wrote them where asyncio put the address of the last instance.

    The error stays the same object: the app sees where it was raised and what caused it.
    """
    if routed.address is None or not isinstance(error, client_exceptions.ClientConnectorError):
        return
    cause = error.os_error
    dialled, written = repr(routed.address), repr((request.url.raw_host, request.url.port))
    for one in (cause, error):
        if isinstance(one.strerror, str):
            one.strerror = one.strerror.replace(dialled, written)
    cause.args = tuple(part.replace(dialled, written) if isinstance(part, str) else part for part in cause.args)
