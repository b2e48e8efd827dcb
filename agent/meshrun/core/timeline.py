"""The life of one instance: what happened when."""

from __future__ import annotations

from typing import Mapping, NamedTuple

(
    BOUND, READY, PREWARMED, REGISTERED, RAMPED, SIGNALLED, DEREGISTERED, TOLD, LAST_REQUEST, HANDLER, EXIT,
) = EVENTS = (
    "bound", "ready", "prewarmed", "registered", "ramped", "signalled", "deregistered", "told", "last_request",
    "handler", "exit",
)  # fmt: skip
"""In the order in which they happen. Signalled: asked to stop, by a signal or an operator. Told: the first response
that said to a caller that the instance drains. Last request: the end of the last one that was in flight meanwhile.
Handler: the signal is the application's. Exit: the server has closed its sockets by itself, or its process ends."""


class Timeline(NamedTuple):
    """The events of one instance; each happens once, so that a timeline does not grow."""

    id: str
    service: str  # service key
    address: str
    port: int
    events: Mapping[str, float]  # name -> epoch seconds
    requests: int = 0  # served so far

    @property
    def began(self) -> float:
        """When it began, in epoch seconds."""
        return min(self.events.values(), default=0.0)
