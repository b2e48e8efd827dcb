"""``limit_per_host`` as a total: a call takes a place of its service before it asks for an endpoint's connection.

aiohttp counts by connection key, and the endpoint is part of that key.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Deque, Dict, Hashable, List

from meshrun import hook

PLACES = "_meshrun_places"


class Place:
    """The places of one service in one connector; given out in the order of asking."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: Deque[Any] = deque()

    async def take(self, loop: Any, traces: List[Any]) -> None:
        """Wait for a place."""
        if self._free > 0:
            self._free -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        seated = False
        try:
            for trace in traces:
                await trace.send_connection_queued_start()
            await turn
            for trace in traces:
                await trace.send_connection_queued_end()
            seated = True
        finally:
            if not seated:
                self._leave_the_queue(turn)

    def _leave_the_queue(self, turn: Any) -> None:
        if turn.done() and not turn.cancelled():
            self.leave()  # the place was given in the same moment as the task was cancelled
        elif turn in self._waiting:
            self._waiting.remove(turn)

    @hook.guarded()
    def leave(self) -> None:
        """Give a place to the next in the queue."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def place_of(connector: Any, service: Hashable) -> Place:
    """The places of that service (host, port and TLS as the app wrote them)."""
    places: Dict[Hashable, Place] = getattr(connector, PLACES, None) or {}
    if not places:
        setattr(connector, PLACES, places)
    place = places.get(service)
    if place is None:
        place = places[service] = Place(connector._limit_per_host)  # noqa: SLF001 -- read once, as aiohttp does
    return place
