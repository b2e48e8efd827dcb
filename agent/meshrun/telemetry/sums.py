"""The metrics of several processes as those of one instance: counters are added up, gauges combined.

Reads and writes the text that `metrics.exposition` makes: one sample a line, its kind in a line before.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, NamedTuple

LEAST = frozenset(("meshrun_rules_version", "meshrun_mode"))
"""Gauges of which the lowest holds, what every process has reached; of all others it is the highest."""

Values = Dict[str, float]
"""By a metric's name with its labels, as they are written."""


class Reading(NamedTuple):
    """What one process says."""

    kinds: Dict[str, str]  # name -> counter or gauge
    counters: Values
    gauges: Values


def read(text: str) -> Reading:
    """The samples of a page. Raises ValueError where it is none of ours."""
    found = Reading({}, {}, {})
    for line in text.split("\n"):
        if line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            found.kinds[name] = kind
        elif line:
            key, _, number = line.rpartition(" ")
            counts = found.kinds.get(_name(key)) == "counter"
            (found.counters if counts else found.gauges)[key] = float(number)
    return found


def added(counters: Iterable[Mapping[str, float]]) -> Values:
    """The sums of counters."""
    total: Values = {}
    for some in counters:
        for key, number in some.items():
            total[key] = total.get(key, 0.0) + number
    return total


def combined(gauges: Iterable[Mapping[str, float]]) -> Values:
    """The gauges of an instance."""
    found: Values = {}
    for some in gauges:
        for key, number in some.items():
            choose = min if _name(key) in LEAST else max
            found[key] = choose(found.get(key, number), number)
    return found


def written(kinds: Mapping[str, str], *values: Mapping[str, float]) -> str:
    """The page of these samples."""
    lines: Dict[str, List[str]] = {name: ["# TYPE %s %s" % (name, kind)] for name, kind in kinds.items()}
    for some in values:
        for key, number in some.items():
            lines.setdefault(_name(key), []).append("%s %s" % (key, repr(number) if number % 1 else int(number)))
    return "\n".join(line for block in lines.values() for line in block) + "\n"


def _name(key: str) -> str:
    return key.partition("{")[0]
