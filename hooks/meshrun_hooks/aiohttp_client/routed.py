"""One mesh call on its way: rides on the `ClientRequest` while the connector works, then on the `Connection`.

It knows no connection, request or response, so it keeps none of them alive.
"""

from __future__ import annotations

import sys
from typing import Any, Optional, Tuple

from meshrun import hook

from .places import Place

ROUTED = "_meshrun"


class Routed:
    """What one call needs until it ends. Defaults stand in the class: most calls change few of them."""

    address: Optional[Tuple[str, int]] = None  # where the connection of this try goes; None: where the app wrote
    proxy_headers: Any = None  # the request's own, while ours hold the endpoint
    started: Optional[float] = None  # of the first TCP connect, on the monotonic clock
    added: Optional[Tuple[Tuple[str, str], ...]] = None  # the headers that were set
    unsent: Optional[BaseException] = None  # the error of a TCP connect
    place: Optional[Place] = None
    _headers: Any = None
    _saved: Any = None
    _error: Optional[BaseException] = None
    _status: Optional[int] = None
    _seen: Any = None
    _reading = False
    _over = False

    def __init__(self, call: hook.Call) -> None:
        self.call: Optional[hook.Call] = call

    def colour(self, call: hook.Call, headers: Any) -> None:
        """Set the call's headers on those of the `ClientRequest`, which are a copy of the app's."""
        added = self.added = call.set_headers
        self._headers = headers
        if not call.fresh:
            self._saved = headers.copy()
        for name, value in added:
            if value.isascii():
                headers[name] = value
            else:
                self._spell(name, value, headers)

    def _spell(self, name: str, value: str, headers: Any) -> None:
        """A value has one letter per byte, and aiohttp writes UTF-8: what is none cannot be said and is left out."""
        try:
            headers[name] = value.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            self.added = tuple(pair for pair in self.added or () if pair[0] != name)

    @hook.guarded()
    def plain(self) -> None:
        """The head is written: what the app reads in ``response.request_info.headers`` is what it set."""
        headers, self._headers = self._headers, None
        if headers is None:
            return
        if self._saved is not None:
            headers.clear()
            headers.extend(self._saved)
            return
        for name, _ in self.added or ():
            del headers[name]

    def reading(self) -> None:
        """The head of the response is being read; a short response is over, its connection free, before that ends."""
        self.plain()
        self._reading = True

    def read(self, status: Optional[int], headers: Any) -> None:
        """The head is there."""
        self._status = status
        self._seen = headers

    def not_reading(self) -> None:
        """The head was read, or the exception that is passing through came instead."""
        self._reading = False
        if self._status is None:
            self._error = sys.exc_info()[1]
        if self._over:
            self.end()

    def end(self, error: Optional[BaseException] = None, *, sent: bool = True) -> None:
        """The call ended; only the first report counts."""
        place, self.place = self.place, None
        if place is not None:
            place.leave()
        if self._reading:
            self._over = True
            return
        call, self.call = self.call, None
        if call is not None:
            finish(call, self._status, self._seen, error or self._error, sent)
            self._error = None

    def __del__(self) -> None:
        if self.call is not None:
            self._reading = False
            self.end()


@hook.positional()
def finish(call: hook.Call, status: Optional[int], headers: Any, error: Any, sent: bool) -> None:
    """The call ended."""
    call.done(status, headers, error, sent)
