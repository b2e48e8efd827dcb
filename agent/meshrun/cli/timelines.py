"""``meshctl status --timeline``: what happened to each instance when, those that are gone as well."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, List, Mapping, Sequence, Tuple

from ..core.timeline import EVENTS, Timeline
from ..engines.base import EngineError
from . import output
from .invocation import Invocation

MOST = 20
"""Timelines that people are shown; machines get them all."""


def read(call: Invocation) -> Sequence[Timeline]:
    """The timelines in the store, the newest first. Raises `Failure` with code MR3001."""
    try:
        return call.engine.timelines()
    except EngineError as error:
        raise call.unreachable(error) from error


def shape(call: Invocation, timelines: Sequence[Timeline]) -> List[Mapping[str, Any]]:
    """The timelines for machines."""
    return [
        {
            "instance": one.id,
            "service": call.name(one.service),
            "address": one.address,
            "port": one.port,
            "requests": one.requests,
            "events": dict(ordered(one)),
        }
        for one in timelines
    ]


def ordered(timeline: Timeline) -> List[Tuple[str, float]]:
    """The events as they happened."""
    found = [(name, timeline.events[name]) for name in EVENTS if name in timeline.events]
    return sorted(found, key=lambda event: event[1])


def text(call: Invocation, timelines: Sequence[Timeline]) -> List[str]:
    """The timelines for people."""
    if not timelines:
        return ["no timelines: no instance has registered yet"]
    rows = []
    for one in timelines[:MOST]:
        events = ordered(one)
        befores = [events[0][1], *(when for _, when in events)]
        rows.append(
            (
                "%s:%d" % (one.address, one.port),
                call.name(one.service),
                str(one.requests),
                tuple(name for name, _ in events),
                tuple(_at(when) for _, when in events),
                tuple("%.3f s" % (when - before) for (_, when), before in zip(events, befores)),
            )
        )
    head = ("INSTANCE", "SERVICE", "REQUESTS", "EVENT", "AT (UTC)", "AFTER")
    lines = output.table(head, rows, call.screen)
    more = len(timelines) - MOST
    return lines + (["and %s, which -o json shows" % output.count(more, "older timeline")] if more > 0 else [])


def _at(when: float) -> str:
    return datetime.fromtimestamp(when, timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
