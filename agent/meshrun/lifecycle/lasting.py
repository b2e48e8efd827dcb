"""Connections that last, as WebSockets do: while the instance drains they are closed one after the other.

Nobody can move them, and a drain would wait for them to its deadline. Closed all at once, their clients would all come
back at once. So each gets a moment of its own, by chance within an equal share of the time that there is, and its event
loop closes it then by the server's own means.
"""

from __future__ import annotations

import os
from _random import Random
from typing import Any, Callable, Dict, Iterator, Optional

from .page import Limits

SHARE = 0.75
"""Of the time that is left; the rest is for the other side's answer, and for what the app does at an end."""
GAP_SECONDS = 0.25
"""Between two closes on average, where there are too few connections to need the whole time."""


class Connection:
    """One of them."""

    __slots__ = ("close", "loop", "planned")

    def __init__(self, close: Callable[[], object], loop: Any) -> None:
        self.close = close
        self.loop = loop
        self.planned = False


class Lasting:
    """The connections of one process. Loops `add` them, the agent thread calls `part`."""

    def __init__(self, draw: Optional[Callable[[], float]] = None) -> None:
        self._open: Dict[Connection, None] = {}  # copied, added to and removed from by single operations
        self._draw = draw

    def add(self, close: Callable[[], object], loop: Any) -> Callable[[], None]:
        """A connection is open. Answers what is to be called when it has ended.

        ``close()`` runs in `loop`, an event loop of asyncio's kind, at most once, and not after the end.
        """
        connection = Connection(close, loop)
        self._open[connection] = None

        def ended() -> None:
            self._open.pop(connection, None)

        return ended

    def part(self, now: float, limits: Limits, deadline: float) -> None:
        """The instance drains: plan the end of each connection that has none yet. Times are of the monotonic clock.

        `deadline`: of the drain; one that is past was not set yet.
        """
        fresh = [connection for connection in list(self._open) if not connection.planned]
        if not fresh:
            return
        if deadline <= now:
            deadline = now + limits.seconds
        least = deadline - limits.seconds + limits.min - now  # the drain lasts so much longer anyway
        span = min(SHARE * (deadline - now), max(least, len(fresh) * GAP_SECONDS))
        for connection, delay in zip(fresh, self._delays(len(fresh), span)):
            connection.planned = True
            self._plan(connection, delay)

    def _delays(self, number: int, span: float) -> Iterator[float]:
        """One moment within each of so many equal parts."""
        draw = self._draw
        if draw is None:
            draw = self._draw = Random(int.from_bytes(os.urandom(16), "little")).random
        for part in range(number):
            yield (part + draw()) * span / number

    def _plan(self, connection: Connection, delay: float) -> None:
        def due() -> None:
            if connection in self._open:
                connection.close()

        try:
            connection.loop.call_soon_threadsafe(connection.loop.call_later, delay, due)
        except RuntimeError:  # the loop is closed, and its connections with it
            self._open.pop(connection, None)
