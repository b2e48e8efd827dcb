"""The life of one instance: what happened when."""

from __future__ import annotations

from typing import Dict, Iterable, Mapping, NamedTuple

from .model import PROTOCOLS

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
    requests: int = 0  # ended so far
    begun: int = 0  # so far; those that have ended are among them

    @property
    def began(self) -> float:
        """When it began, in epoch seconds."""
        return min(self.events.values(), default=0.0)

    @property
    def cut(self) -> int:
        """Requests that had not ended when the instance did. One that was killed says nothing of its last moments."""
        return max(0, self.begun - self.requests) if EXIT in self.events else 0


class Calls(NamedTuple):
    """What callers counted of their calls to one instance. What is sent and none of the others is under way."""

    sent: int = 0  # something of it may have reached the instance
    answered: int = 0  # the head of a response came
    unsent: int = 0  # nothing was sent: refused connects
    cancelled: int = 0  # the application gave up by itself
    failed: int = 0  # sent, not answered and not cancelled

    def plus(self, other: Calls) -> Calls:
        """Both counted together."""
        return Calls(*map(int.__add__, self, other))


def together(counts: Iterable[Calls]) -> Calls:
    """The sum of what several callers counted."""
    whole = Calls()
    for one in counts:
        whole = whole.plus(one)
    return whole


def callers(told: Mapping[str, Mapping[str, Calls]], instance_id: str) -> Mapping[str, Calls]:
    """Who called an instance, and what they counted: `told` has that by the id of the record that they called.

    A server has a record for each protocol: the first under the id of the instance, others under ``<id>-<protocol>``.
    """
    found: Dict[str, Calls] = {}
    for record in (instance_id, *("%s-%s" % (instance_id, protocol) for protocol in PROTOCOLS)):
        for caller, calls in told.get(record, {}).items():
            found[caller] = found.get(caller, Calls()).plus(calls)
    return found


def lost(timeline: Timeline, calls: Calls) -> int:
    """Requests that were lost with an instance, by its own count or by its callers': one shows in both, mostly."""
    return max(timeline.cut, calls.failed)
