"""``meshctl status --timeline``: what happened to each instance when, those that are gone as well."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from ..core.timeline import EVENTS, Calls, Timeline, callers, lost, together
from ..engines.base import EngineError
from . import output
from .invocation import Invocation

MOST = 20
"""Timelines that people are shown; machines get them all."""


class Life(NamedTuple):
    """One instance, as it and its callers tell."""

    timeline: Timeline
    callers: Mapping[str, Calls]  # who called it, and what they counted

    @property
    def calls(self) -> Calls:
        """What all callers counted together."""
        return together(self.callers.values())

    @property
    def lost(self) -> int:
        """Requests that were lost with it."""
        return lost(self.timeline, self.calls)


def read(call: Invocation) -> Sequence[Life]:
    """The lives of instances in the store, the newest first. Raises `Failure` with code MR3001."""
    try:
        told = call.engine.told()
        return [Life(one, callers(told, one.id)) for one in call.engine.timelines()]
    except EngineError as error:
        raise call.unreachable(error) from error


def shape(call: Invocation, lives: Sequence[Life]) -> List[Mapping[str, Any]]:
    """The lives for machines."""
    return [
        {
            "instance": life.timeline.id,
            "service": call.name(life.timeline.service),
            "address": life.timeline.address,
            "port": life.timeline.port,
            "requests": life.timeline.requests,
            "begun": life.timeline.begun,
            "calls": _calls(life),
            "lost": life.lost,
            "events": dict(ordered(life.timeline)),
        }
        for life in lives
    ]


def _calls(life: Life) -> Dict[str, int]:
    return dict(life.calls._asdict(), callers=len(life.callers))


def ordered(timeline: Timeline) -> List[Tuple[str, float]]:
    """The events as they happened."""
    found = [(name, timeline.events[name]) for name in EVENTS if name in timeline.events]
    return sorted(found, key=lambda event: event[1])


def text(call: Invocation, lives: Sequence[Life]) -> List[str]:
    """The lives for people."""
    if not lives:
        return ["no timelines: no instance has registered yet"]
    rows = []
    for life in lives[:MOST]:
        one, events = life.timeline, ordered(life.timeline)
        befores = [events[0][1], *(when for _, when in events)]
        rows.append(
            (
                "%s:%d" % (one.address, one.port),
                call.name(one.service),
                str(one.requests),
                tuple("%d %s" % (number, what) for what, number in _calls(life).items() if number) or "-",
                str(life.lost),
                tuple(name for name, _ in events),
                tuple(_at(when) for _, when in events),
                tuple("%.3f s" % (when - before) for (_, when), before in zip(events, befores)),
            )
        )
    head = ("INSTANCE", "SERVICE", "REQUESTS", "CALLS", "LOST", "EVENT", "AT (UTC)", "AFTER")
    lines = output.table(head, rows, call.screen)
    more = len(lives) - MOST
    return lines + (["and %s, which -o json shows" % output.count(more, "older timeline")] if more > 0 else [])


def _at(when: float) -> str:
    return datetime.fromtimestamp(when, timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
