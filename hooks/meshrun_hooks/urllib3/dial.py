"""The dial seam: the TCP connection of an attempt goes to its endpoint, and its first answer ends the attempt.

Only the address is exchanged, only while the socket is opened; whoever looks at the connection before or after sees
the host and port that the app wrote. Nothing was sent yet when a dial fails, so the next instance is tried right here,
and the app's budget of retries knows nothing of it.
"""

from __future__ import annotations

import socket
from http.client import HTTPException
from typing import Any, Callable, Optional, Tuple

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from meshrun import hook

from .attempt import Attempt

UNSET: Any = socket._GLOBAL_DEFAULT_TIMEOUT  # type: ignore[attr-defined] # noqa: SLF001 -- urllib3 before 1.26.10 leaves it in place


def new_conn(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`HTTPConnection._new_conn`: opens the socket."""

    def _new_conn(self: Any) -> Any:
        attempt = getattr(self, "_meshrun", None)
        if attempt is None or attempt.call is None:
            return original(self)
        if attempt.call.refused is not None:
            raise NewConnectionError(self, attempt.call.refused)
        if attempt.call.address is None:
            return original(self)
        return _dial(self, attempt, original)

    return _new_conn


def _dial(conn: Any, attempt: Attempt, original: Callable[[Any], Any]) -> Any:
    """Dial the endpoint of the call; while that fails, the next one. The last failure is raised as the library's."""
    call = attempt.call
    host, port, timeout = conn._dns_host, conn.port, conn.timeout  # noqa: SLF001 -- what the library dials
    given = socket.getdefaulttimeout() if timeout is UNSET else timeout
    written = (str(conn), conn.host, timeout)
    while True:
        limit = _limit(call, given) or given
        conn._dns_host, conn.port = call.address  # noqa: SLF001 -- as above
        if limit != given:
            conn.timeout = limit
        dialled = (str(conn), conn.host, conn.timeout)
        try:
            sock = original(conn)
        except (NewConnectionError, ConnectTimeoutError) as error:
            if not _moved(call, error):
                _rename(error, dialled, written)
                attempt.failed(error, False)
                raise
        else:
            if limit != given:
                sock.settimeout(given)
            return sock
        finally:
            conn._dns_host, conn.port, conn.timeout = host, port, timeout  # noqa: SLF001 -- as above


@hook.guarded(where="urllib3.limit")
def _limit(call: Any, given: Optional[float]) -> Optional[float]:
    return call.connect_timeout(given)  # type: ignore[no-any-return]


@hook.guarded(default=False, where="urllib3.next")
def _moved(call: Any, error: BaseException) -> bool:
    return call.next(error)  # type: ignore[no-any-return]


@hook.guarded(where="urllib3.error")
def _rename(error: BaseException, dialled: Tuple[str, str, Any], written: Tuple[str, str, Any]) -> None:
    """Let the error name what the app wrote: its text has the connection and the timeout of the dial."""
    text = "Connection to %s timed out. (connect timeout=%s)"
    pairs = ((dialled[0], written[0]), (text % dialled[1:], text % written[1:]))
    args = list(error.args)
    for n, arg in enumerate(args):
        if isinstance(arg, str):
            for old, new in pairs:
                args[n] = args[n].replace(old, new)
    error.args = tuple(args)


def putrequest(original: Callable[..., Any]) -> Callable[..., Any]:
    """`HTTPConnection.putrequest`: begins a request; its headers come next."""

    def putrequest(
        self: Any, method: Any, url: Any, skip_host: Any = False, skip_accept_encoding: Any = False
    ) -> Any:  # fmt: skip
        result = original(self, method, url, skip_host, skip_accept_encoding)
        attempt = getattr(self, "_meshrun", None)
        if attempt is not None and attempt.lines is not None:
            self._buffer.append(attempt.lines)
            attempt.lines = None
        return result

    return putrequest


def getresponse(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`HTTPConnection.getresponse`: waits for the head of the response."""

    def getresponse(self: Any) -> Any:
        attempt = getattr(self, "_meshrun", None)
        if attempt is None or attempt.call is None:
            return original(self)
        try:
            response = original(self)
        except (OSError, HTTPException) as error:
            attempt.failed(error, True)
            raise
        attempt.answered(response.status, response.headers)
        return response

    return getresponse
