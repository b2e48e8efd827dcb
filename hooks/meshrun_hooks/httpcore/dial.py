"""The dial seam: a connection made for an endpoint connects there; all else about it is what the app wrote."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import httpcore

from meshrun import hook

from .routed import Origin

UNSENT = "_meshrun_unsent"
CONNECT_ERRORS = (httpcore.ConnectError, httpcore.ConnectTimeout)
MOVABLE = (*CONNECT_ERRORS, httpcore.RemoteProtocolError)
"""What may say that nothing reached the application behind an endpoint."""
_REFUSED_STREAM = 7


class Dial:
    """A connection's network backend in which a TCP connect goes to the endpoint. The rest is the app's backend.

    Only a failed TCP connect is marked as unsent: httpcore reports a failed TLS handshake by the same classes.
    """

    def __init__(self, backend: Any, address: Tuple[str, int], call: Optional[hook.Call]) -> None:
        self._backend = backend
        self._address = address
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def _timeout(self, given: Optional[float]) -> Optional[float]:
        """Seconds for this connect. The retries that the app asked httpcore for (``retries=``) have its own again."""
        call, self._call = self._call, None
        seconds = None if call is None else limited(call, given)
        return given if seconds is None else seconds

    def connect_tcp(self, host: str, port: int, timeout: Optional[float] = None, **rest: Any) -> Any:  # noqa: ARG002 - httpcore's
        """Connect to the endpoint instead of `host` and `port`."""
        try:
            return self._backend.connect_tcp(*self._address, timeout=self._timeout(timeout), **rest)
        except CONNECT_ERRORS as error:
            setattr(error, UNSENT, True)
            raise


class AsyncDial(Dial):
    """The same for asyncio and trio."""

    async def connect_tcp(self, host: str, port: int, timeout: Optional[float] = None, **rest: Any) -> Any:  # noqa: ARG002 - httpcore's
        """Connect to the endpoint instead of `host` and `port`."""
        try:
            return await self._backend.connect_tcp(*self._address, timeout=self._timeout(timeout), **rest)
        except CONNECT_ERRORS as error:
            setattr(error, UNSENT, True)
            raise


@hook.guarded()
def limited(call: hook.Call, given: Optional[float]) -> Optional[float]:
    """Seconds for the first connect of a try."""
    return call.connect_timeout(given)


@hook.guarded()
def arm(connection: Any, origin: Origin, dial: Any) -> None:
    """Let a fresh connection dial the endpoint, and keep it idle no longer than its provider does.

    httpcore hands a connection's keep-alive expiry on to HTTP/1.1 and HTTP/2 alike once it is connected.
    """
    call = origin.call
    connection._network_backend = dial(connection._network_backend, origin.address, call)  # noqa: SLF001 -- the seam
    reusable = call.keepalive if call is not None else None
    if reusable is not None:
        expiry = connection._keepalive_expiry  # noqa: SLF001 -- as above
        connection._keepalive_expiry = reusable if expiry is None else min(expiry, reusable)  # noqa: SLF001 - no public name


def unsent(error: BaseException) -> bool:
    """Whether the TCP connect to the endpoint failed; takes the mark off."""
    return error.__dict__.pop(UNSENT, False) is True


def refused(error: Any) -> bool:
    """Whether the endpoint says that it has not looked at the request (RFC 9113, 8.7).

    RST_STREAM with REFUSED_STREAM says so, and GOAWAY with a last id of 0; above any other, httpcore sends it again.
    """
    event: Any = error.args[0] if isinstance(error, httpcore.RemoteProtocolError) and error.args else None
    kind = type(event).__name__
    return (kind == "StreamReset" and event.error_code == _REFUSED_STREAM) or (
        kind == "ConnectionTerminated" and event.last_stream_id == 0
    )
