"""One served request: reads its colour, lets it enter a lane, holds it for the whole request."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence, Tuple

from .. import _guard
from ..core import admit
from ..core.match import RequestFacts
from ..core.model import Pairs
from .context import CURRENT
from .headers import NOTHING, Incoming, Name, text
from .streams import Events, are_events

if TYPE_CHECKING:
    from .process import Process

NO_HEADERS: Tuple[Tuple[str, str], ...] = ()
MOST_HEADERS = 100
"""Headers of a request that are looked at: as many as gunicorn, Apache and Envoy take at all by default."""
MOST_LETTERS = 8192
"""Characters of a path with its query, and of a header, that conditions look at."""
DRAINING_HEADERS = (("X-Meshrun-Draining", "1"),)
_OK = 200


class Request:
    """What the process knows of the request that it serves. Use it as a context manager round the whole of it."""

    __slots__ = ("_method", "_process", "_status", "_token", "caller", "carried", "colour", "mesh", "trusted")

    def __init__(self, process: Process, colour: Pairs, incoming: Incoming, trusted: bool, method: str) -> None:
        self._process = process
        self._method = method
        self.trusted = trusted  # False: a colour that the app copies from the request does not count either
        self._token: Any = None
        self._status: Optional[int] = None
        self.colour = colour
        self.carried = incoming.carried
        self.caller = incoming.caller
        self.mesh = incoming.mesh

    def __enter__(self) -> Request:  # noqa: PYI034 - `Self` is not in the oldest `typing`
        self._process.server.enter()
        # A request with nothing to follow it is as no request at all, and an app that lists its context sees nothing.
        if self.colour or self.carried or not self.trusted or CURRENT.get() is not None:
            self._token = CURRENT.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        token, self._token = self._token, None
        if token is not None:
            try:
                CURRENT.reset(token)
            except ValueError:  # the server ended the request in another context than it began it in
                CURRENT.set(None)
        self._process.server.leave()
        self._process.served(self, self._status)

    @property
    def closing(self) -> bool:
        """True while the instance drains: the server's own seam ends keep-alive."""
        return self._process.server.draining

    def response_headers(self) -> Tuple[Tuple[str, str], ...]:
        """Headers to add to the response head, at the time when it is written."""
        server = self._process.server
        if not (self.mesh and server.draining):
            return NO_HEADERS
        server.told()
        return DRAINING_HEADERS

    def status(self, code: int) -> None:
        """The status of the response."""
        self._status = code

    @_guard.positional(where="events")
    def events(self, headers: Sequence[Tuple[Name, Name]]) -> Optional[Events]:
        """What follows the response if its head, whose status is known, begins server-sent events; None: it does not.

        `headers`: those of the response, as pairs, str or bytes.
        """
        if self._status != _OK or self._method == "HEAD" or not are_events(headers):
            return None
        return Events(self._process.server)


def make(process: Process) -> Callable[..., Request]:
    """The function behind ``hook.inbound``, bound to this process."""

    def inbound(headers: Sequence[Tuple[Name, Name]], method: str, path: str, peer: Optional[str]) -> Request:
        if not process.reads:  # off or dormant, by a settings file: the environment would have kept the seams out
            return Request(process, (), NOTHING, True, method)
        live = process.live
        if live is None or process.inline:
            live = process.refresh()
        if len(headers) > MOST_HEADERS:
            headers = headers[:MOST_HEADERS]
        incoming = process.headers.incoming(headers)
        if incoming.dropped or incoming.conflicts:
            process.dropped(incoming)
        trusted = True
        if incoming.mesh and not process.trusts(peer):
            trusted = not incoming.colour
            incoming = process.distrusted(incoming)
        if live is None:
            return Request(process, incoming.colour if trusted else (), incoming, trusted, method)
        colour = live.admitted.get((incoming.colour, trusted))
        if colour is None:
            facts = _facts(process, headers, method, path, incoming)
            colour = admit.admit(
                live.snapshot.rules, process.service, live.namespace, process.tags, incoming.colour, trusted, facts,
                process.draw, time(),
            )  # fmt: skip
            live.remember(incoming.colour, trusted, colour)
        return Request(process, colour, incoming, trusted, method)

    return inbound


def _facts(process: Process, headers: Any, method: str, path: str, incoming: Incoming) -> RequestFacts:
    known: Dict[str, Optional[str]] = {}

    def look(name: str) -> Optional[str]:
        if name not in known:
            known[name] = _value(headers, name)
        return known[name]

    path, caller = path[:MOST_LETTERS], incoming.caller or "-"
    return RequestFacts(method, path, None, look, incoming.colour, process.tags, caller, process.service)


def _value(headers: Any, name: str) -> Optional[str]:
    """The first value of a header; `name` is in lower case."""
    wanted: Any = name.encode() if headers and isinstance(headers[0][0], bytes) else name
    size = len(wanted)
    for pair in [pair for pair in headers if len(pair[0]) == size]:
        if pair[0].lower() == wanted:
            return text(pair[1][:MOST_LETTERS])
    return None
