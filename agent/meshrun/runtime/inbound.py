"""One served request: reads its colour, lets it enter a lane, holds it for the whole request."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, Tuple

from ..core import admit
from ..core.match import RequestFacts
from ..core.model import Pairs
from .context import CURRENT
from .headers import NOTHING, Incoming, Name, text

if TYPE_CHECKING:
    from .process import Process

NO_HEADERS: Tuple[Tuple[str, str], ...] = ()
DRAINING_HEADERS = (("X-Meshrun-Draining", "1"),)


class Request:
    """What the process knows of the request that it serves. Use it as a context manager round the whole of it."""

    __slots__ = ("_process", "_status", "_token", "caller", "carried", "colour", "mesh", "trusted")

    def __init__(self, process: Process, colour: Pairs, incoming: Incoming, trusted: bool) -> None:
        self._process = process
        self.trusted = trusted  # False: a colour that the app copies from the request does not count either
        self._token: Any = None
        self._status: Optional[int] = None
        self.colour = colour
        self.carried = incoming.carried
        self.caller = incoming.caller
        self.mesh = incoming.mesh

    def __enter__(self) -> Request:  # noqa: PYI034 - `Self` is not in the oldest `typing`
        self._process.server.enter()
        self._token = CURRENT.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        token, self._token = self._token, None
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
        return DRAINING_HEADERS if self.mesh and self._process.server.draining else NO_HEADERS

    def status(self, code: int) -> None:
        """The status of the response."""
        self._status = code


def make(process: Process) -> Callable[..., Request]:
    """The function behind ``hook.inbound``, bound to this process."""

    def inbound(headers: Sequence[Tuple[Name, Name]], method: str, path: str, peer: Optional[str]) -> Request:
        if not process.reads:  # off or dormant, by a settings file: the environment would have kept the seams out
            return Request(process, (), NOTHING, trusted=True)
        live = process.live
        if live is None or process.inline:
            live = process.refresh()
        incoming = process.headers.incoming(headers)
        if incoming.dropped or incoming.conflicts:
            process.dropped(incoming)
        trusted = not incoming.colour or process.trusts(peer)
        if live is None:
            return Request(process, incoming.colour if trusted else (), incoming, trusted)
        colour = live.admitted.get((incoming.colour, trusted))
        if colour is None:
            facts = _facts(process, headers, method, path, incoming)
            colour = admit.admit(
                live.snapshot.rules, process.service, live.namespace, process.tags, incoming.colour, trusted, facts,
                process.draw, time(),
            )  # fmt: skip
            live.remember(incoming.colour, trusted, colour)
        return Request(process, colour, incoming, trusted)

    return inbound


def _facts(process: Process, headers: Any, method: str, path: str, incoming: Incoming) -> RequestFacts:
    def look(name: str) -> Optional[str]:
        for pair in headers:
            if text(pair[0]).lower() == name:
                return text(pair[1])
        return None

    host = look("host") or ""
    tags = process.tags
    return RequestFacts(method, path, host, look, incoming.colour, tags, incoming.caller or "-", process.service)
