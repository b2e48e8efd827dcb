"""The head of an HTTP/1.1 request: ours is written as ready lines behind the app's.

h11 checks, lowers and walks through each header several times in every call; ours are the same for each call of a
colour and were checked once. HTTP/2 takes the headers of the request as they are.
"""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import h11

Pairs = List[Tuple[bytes, bytes]]
Apart = Tuple[Pairs, bytes]
"""The app's headers of a request, and the lines that end its head: what a request of ours has as `_meshrun`."""


def lines(pairs: Pairs) -> Optional[bytes]:
    """What ends a head that has these headers last; None where h11 has to say itself what it thinks of them."""
    connection = h11.Connection(h11.CLIENT)
    first = (b"Host", b"localhost")
    try:
        head = connection.send(h11.Request(method=b"GET", target=b"/", headers=[first, *pairs]))
    except h11.LocalProtocolError:
        return None
    found = b"".join(b"%s: %s\r\n" % pair for pair in pairs) + b"\r\n"
    return found if head is not None and head.endswith(found) else None


class _State:
    """A connection's `h11.Connection` while the head is sent."""

    __slots__ = ("_lines", "_state")

    def __init__(self, state: Any, ending: bytes) -> None:
        self._state = state
        self._lines = ending

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)

    def send(self, event: Any) -> Any:
        """The bytes of the head, with our lines behind the last header."""
        data = self._state.send(event)
        return data if data is None else data[:-2] + self._lines


def make_send(original: Callable[..., Any]) -> Callable[..., Any]:
    """``HTTP11Connection._send_request_headers``."""

    def _send_request_headers(self: Any, request: Any) -> Any:
        apart: Optional[Apart] = getattr(request, "_meshrun", None)
        if apart is None:
            return original(self, request)
        state, headers = self._h11_state, request.headers
        given, ending = apart
        self._h11_state, request.headers = _State(state, ending), given
        try:
            return original(self, request)
        finally:
            self._h11_state, request.headers = state, headers

    return _send_request_headers


def make_async_send(original: Callable[..., Any]) -> Callable[..., Any]:
    """``AsyncHTTP11Connection._send_request_headers``."""

    async def _send_request_headers(self: Any, request: Any) -> Any:
        apart: Optional[Apart] = getattr(request, "_meshrun", None)
        if apart is None:
            return await original(self, request)
        state, headers = self._h11_state, request.headers
        given, ending = apart
        self._h11_state, request.headers = _State(state, ending), given
        try:
            return await original(self, request)
        finally:
            self._h11_state, request.headers = state, headers

    return _send_request_headers
