"""One mesh call on its way: rides on the `ClientRequest` while the connector works, then on the `Connection`.

It knows no connection, request or response, so it keeps none of them alive.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

from multidict import CIMultiDict, istr

from meshrun import hook

from .places import Place

ROUTED = "_meshrun"
"""The attribute of a request and of a connection that holds it."""
MAX_KNOWN = 256
Headings = Tuple[Tuple[str, str], ...]
_known: Dict[int, Tuple[Headings, Any, Sequence[str]]] = {}
"""By the `id` of headers that are kept, so that nothing else gets it: they, as aiohttp holds them, and their names."""


class Routed:
    """What one call needs until it ends."""

    __slots__ = (
        "_names", "_reading", "_saved", "_seen", "_status", "address", "call", "headers", "place", "proxy_headers",
        "started", "unsent",
    )  # fmt: skip

    def __init__(self, call: hook.Call) -> None:
        self.call: Optional[hook.Call] = call
        self.address: Optional[Tuple[str, int]] = None  # where this try's connection goes; None: where the app wrote
        self.place: Optional[Place] = None
        self.unsent: Optional[BaseException] = None  # the error of a TCP connect
        self.proxy_headers: Any = None  # the request's own, while ours hold the endpoint
        self.started: Optional[float] = None  # of the first TCP connect, on the monotonic clock
        self.headers: Any = None  # of the request, while ours are among them
        self._names: Sequence[str] = ()  # of ours, if they can be taken out again
        self._saved: Any = None  # else the headers as they were
        self._status: Optional[int] = None
        self._seen: Any = None  # the headers of the response
        self._reading = False

    def colour(self, call: hook.Call, headers: Any) -> None:
        """Set the call's headers on those of the `ClientRequest`, which are a copy of the app's."""
        added = call.set_headers
        if call.steady:
            _, set_headers, self._names = _known.get(id(added)) or _learn(added)
            self.headers = headers
            headers.extend(set_headers)
            return
        self._saved = headers.copy()
        self.headers = headers
        for name, value in _spelled(added):
            headers[name] = value

    @hook.guarded()
    def plain(self) -> None:
        """Nothing is going to be written: see `_restore`."""
        self._restore()

    def _restore(self) -> None:
        """What the app reads in ``response.request_info.headers`` is what it set."""
        headers, self.headers = self.headers, None
        if headers is None:
            return
        if self._saved is not None:
            headers.clear()
            headers.extend(self._saved)
            return
        for name in self._names:
            del headers[name]

    @hook.positional()
    def reading(self, connection: Any) -> None:
        """The head of the request is written, that of the response is going to be read."""
        # A short response is over, and its connection free, before that ends: `read` sees to it, and what the
        # connection calls back costs more. Where it has no such list, `end` leaves it to `read` as well.
        self._reading = True
        callbacks = getattr(connection, "_callbacks", None)
        if callbacks:
            callbacks.remove(self.end)
        self._restore()

    def read(self, connection: Any, status: Optional[int], headers: Any) -> None:
        """The head is there; the call ends with the body, which frees the connection."""
        self._reading = False
        self._status = status
        self._seen = headers
        if connection.protocol is None:
            self.end()
        else:
            connection.add_callback(self.end)

    def failed(self, error: Optional[BaseException]) -> None:
        """No head came."""
        self._reading = False
        self.end(error)

    def end(self, error: Optional[BaseException] = None, *, sent: bool = True) -> None:
        """The call ended; only the first report counts."""
        if self._reading:
            return
        if self.place is not None:
            place, self.place = self.place, None
            place.leave()
        call, self.call = self.call, None
        if call is not None:
            call.done(self._status, self._seen, error, sent)

    def __del__(self) -> None:
        if self.call is not None:
            self._reading = False
            self.end()


def _learn(added: Headings) -> Tuple[Headings, Any, Sequence[str]]:
    """Headers as aiohttp holds them, and their names."""
    ready = CIMultiDict((istr(name), value) for name, value in _spelled(added))
    if len(_known) >= MAX_KNOWN:
        _known.clear()
    known = _known[id(added)] = (added, ready, tuple(ready))
    return known


def _spelled(added: Headings) -> Iterator[Tuple[str, str]]:
    """A value has one letter per byte, and aiohttp writes UTF-8: what is none cannot be said and is left out."""
    for name, value in added:
        try:
            yield name, value if value.isascii() else value.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            continue
