"""What a worker waits for before its instance registers: its own start, and that of the other workers.

`core.start.Start` decides; the runtime sends the requests. Workers tell each other by the shared page that they are
warm. A worker that is born later, when the instance is registered, serves at once.
"""

from __future__ import annotations

import time
from typing import List, NamedTuple, Optional, Tuple

from ..core.rules import Lifecycle
from ..core.settings import Settings
from ..core.start import Asked, Start
from ..core.timeline import PREWARMED
from .addresses import own
from .page import REQUESTS, WARM, Page
from .registration import Listener, chosen, listener_of

HTTP = "http"


class Target(NamedTuple):
    """Where the requests of a start go: to the socket of the own server."""

    address: str
    port: int
    tls: bool
    host: str  # as callers in the mesh name the service


class Starting:
    """The start of one worker. Used by the agent thread alone."""

    def __init__(self, settings: Settings, listeners: List[Listener]) -> None:
        self._settings = settings
        self._listeners = listeners
        self._row: Optional[memoryview[int]] = None
        self._key: Optional[Tuple[Lifecycle, float]] = None
        self._over: Optional[float] = None  # when the own start was over, monotonic
        self.start: Optional[Start] = None  # None: nothing is to be sent now

    def allows(self, page: Page, row: memoryview[int], rule: Lifecycle, ready: float, now: float) -> bool:
        """Whether the instance may register now; times are monotonic. `ready`: since when this worker serves.

        A rule that changes meanwhile begins anew: a probe that never succeeds is mended by its document.
        """
        if page.started:
            self.rest()
            return True
        if self.target() is None:  # nothing here speaks HTTP
            rule = rule._replace(probe_path=None, prewarm_requests=0)
        if self._key != (rule, ready):
            self._key, self._over = (rule, ready), None
            self.start = Start(rule, ready)
        start, self._row = self.start, row
        if start is not None:
            workers = max(page.expected, len(page.workers())) if rule.prewarm_requests else 1
            start.look(now, row[REQUESTS], page.load().requests, workers)
            if not start.over:
                return False
            self._over, self.start = now, None
            row[WARM] = True
            if start.sent:
                page.note(PREWARMED, time.time(), again=True)
        return not rule.prewarm_requests or page.warm or now >= (self._over or 0.0) + rule.prewarm_timeout

    def rest(self) -> None:
        """Send nothing: the instance is registered, or stops, or sleeps."""
        self.start = self._key = None

    def ask(self, now: float) -> Optional[Asked]:
        """The next request of the start, or None: nothing is to be sent now."""
        start, row = self.start, self._row
        return start.ask(now, row[REQUESTS]) if start is not None and row is not None else None

    @property
    def waits(self) -> str:
        """What this worker waits for; empty: for nothing of its own."""
        return self.start.waits if self.start is not None else ""

    def target(self) -> Optional[Target]:
        """Where the requests go; None: no socket of this server speaks HTTP."""
        port = chosen(self._settings, self._listeners).get(HTTP)
        if port is None or not self._listeners:
            return None
        listener = listener_of(self._listeners, port, HTTP)
        if listener.protocol != HTTP:
            return None
        return Target(own(listener.address), listener.port, listener.tls, host(self._settings))


def host(settings: Settings) -> str:
    """The name by which the own server is asked: that of its service, as callers in the mesh write it."""
    return (settings.service or "").rpartition("/")[2] or "localhost"
