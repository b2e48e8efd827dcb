"""The dial seam: a connection made for an endpoint connects there; all else about it is what the app wrote."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextvars import ContextVar
from time import monotonic
from typing import Any, Callable, List, Optional, Tuple

from aiohttp import client, client_exceptions

from meshrun import hook

from .routed import ROUTED, Routed

CONNECT_ERRORS = (client_exceptions.ClientConnectorError, asyncio.TimeoutError)
UNREACHABLE = frozenset(
    (
        errno.ECONNREFUSED, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ETIMEDOUT,
    )
)  # fmt: skip
"""What only a TCP connect fails with; a TLS handshake that is cut off is no reason to move on."""
FIELDS = ("total", "connect", "sock_read", "sock_connect", "ceil_threshold")
LAST = 0.75  # a try that may have less than this part of what remains is not the last one

_target: ContextVar[Optional[List[Tuple[str, int]]]] = ContextVar("meshrun_aiohttp_target", default=None)


def make_create_connection(original: Callable[..., Any]) -> Callable[..., Any]:
    """``TCPConnector._create_connection``."""

    async def _create_connection(self: Any, req: Any, traces: Any, timeout: Any) -> Any:
        routed: Optional[Routed] = getattr(req, ROUTED, None)
        if routed is None or routed.address is None:
            return await original(self, req, traces, timeout)
        req.proxy_headers = routed.proxy_headers  # the key is made, errors name it without the endpoint
        target = [routed.address]
        token = _target.set(target)
        try:
            return await original(self, req, traces, limits(routed, timeout) or timeout)
        except CONNECT_ERRORS as error:
            note(routed, error, tls=req.is_ssl())
            raise
        finally:
            target.clear()  # what was scheduled meanwhile keeps this context: it must not find the address there
            _target.reset(token)

    return _create_connection


def make_resolve_host(original: Callable[..., Any]) -> Callable[..., Any]:
    """``TCPConnector._resolve_host``: a routed name needs no resolver and must not enter the cache of DNS answers."""

    async def _resolve_host(self: Any, host: str, port: int, traces: Any = None) -> Any:
        target = _target.get()
        if not target:
            return await original(self, host, port, traces)
        return [resolved(host, *target.pop())]

    return _resolve_host


def resolved(name: str, address: str, port: int) -> Any:
    """An answer of a resolver: the name stays the app's, for SNI and the certificate."""
    return {
        "hostname": name, "host": address, "port": port, "family": family(address), "proto": 0,
        "flags": socket.AI_NUMERICHOST,
    }  # fmt: skip


def family(address: str) -> int:
    """The address family of a numeric address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@hook.guarded()
def limits(routed: Routed, timeout: Any) -> Any:
    """The app's timeouts for this try, with a shorter TCP connect while another instance is left.

    aiohttp's own default is nobody's wish. On the last try the app's timeouts end it by themselves, as they do bare.
    """
    call = routed.call
    if call is None:
        return timeout
    now = monotonic()
    if routed.started is None:
        routed.started = now
    given = None
    if timeout is not client.DEFAULT_TIMEOUT:
        given = min(filter(None, (timeout.total, timeout.connect, timeout.sock_connect)), default=None)
    limit = call.connect_timeout(given)
    if limit is None or (given is not None and limit > LAST * (given - now + routed.started)):
        return timeout
    return changed(timeout, sock_connect=limit)


@hook.guarded()
def note(routed: Routed, error: BaseException, *, tls: bool) -> None:
    """Remember the error if it says that the TCP connect failed: nothing was sent then."""
    if isinstance(error, client_exceptions.ClientSSLError):
        return
    if not tls or isinstance(error, asyncio.TimeoutError) or getattr(error, "errno", None) in UNREACHABLE:
        routed.unsent = error


def changed(timeout: Any, **fields: Any) -> Any:
    """A copy of a `ClientTimeout`."""
    kept = {name: getattr(timeout, name) for name in FIELDS if hasattr(timeout, name)}
    return type(timeout)(**dict(kept, **fields))


@hook.guarded()
def later(timeout: Any, begun: float) -> Any:
    """The app's timeouts with what is left of `connect`, the time for a place and a connection together."""
    if not timeout.connect:
        return timeout
    return changed(timeout, connect=max(0.001, timeout.connect - (monotonic() - begun)))
