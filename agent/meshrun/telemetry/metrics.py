"""Counters that threads may share without a lock, and their exposition as Prometheus text.

``next()`` on an ``itertools.count`` is one C call, so an increment is never lost between threads; its value is read
from its ``repr``, the one way that neither advances it nor is deprecated.
"""

from __future__ import annotations

from itertools import count
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

MAX_SERIES = 2000
"""Label sets kept of one metric; more are added up under ``other`` so that hosts of an attacker cannot fill memory."""

RESULTS = {status: "%dxx" % (status // 100) for status in range(100, 600)}
"""A status code as the label `result`."""

REQUESTS = "meshrun_requests_total"
REQUEST_LABELS = ("direction", "service", "peer", "lane", "target", "result", "reason")


def value(counter: count[int]) -> int:
    """How often `counter` was advanced; it is not advanced by asking."""
    return int(repr(counter)[6:-1])


Key = Tuple[str, ...]
"""Label values, in the order of the labels."""
Owner = Tuple[str, str]
"""Whose part of a metric it is: an instance that was called, and how those calls ended."""


class Counter:
    """A metric with labels; `add` costs one dictionary look-up and one C call.

    An owner's part of a label set is a counter of its own, so that its sum can be asked for; the metric adds all parts
    up when it is read.
    """

    __slots__ = ("_parts", "_series", "_settled", "labels", "name")

    def __init__(self, name: str, labels: Tuple[str, ...]) -> None:
        self.name = name
        self.labels = labels
        self._series: Dict[Key, count[int]] = {}
        self._parts: Dict[Owner, Dict[Key, count[int]]] = {}
        self._settled: Dict[Key, int] = {}  # of owners that are no longer told apart

    def add(self, key: Key) -> None:
        """Count one event with these label values, in the order of `labels`."""
        next(self.series(key))

    def series(self, key: Key) -> count[int]:
        """The counter of these label values, for whoever counts the same often: ``next(counter)``."""
        counter = self._series.get(key)
        return counter if counter is not None else self._series.setdefault(self._kept(key), count())

    def part(self, owner: Owner, key: Key) -> count[int]:
        """As `series`: the owner's own counter of these label values."""
        parts = self._parts.get(owner)
        if parts is None:
            parts = self._parts.setdefault(owner, {})
        counter = parts.get(key)
        if counter is None:
            kept = self._kept(key)
            self._series.setdefault(kept, count())
            counter = parts.setdefault(kept, count())
        return counter

    def _kept(self, key: Key) -> Key:
        """The label values under which these are kept."""
        full = len(self._series) >= MAX_SERIES and key not in self._series
        return ("other",) * len(self.labels) if full else key

    def owners(self) -> Iterable[Owner]:
        """Those who have a part."""
        return list(self._parts)

    def owned(self, owner: Owner) -> int:
        """The sum over all label sets of the owner's part."""
        return sum(value(counter) for counter in list(self._parts.get(owner, {}).values()))

    def settle(self, owner: Owner) -> None:
        """The owner is told apart no longer; what it counted stays in the sums. Not while it counts."""
        for key, counter in self._parts.pop(owner, {}).items():
            self._settled[key] = self._settled.get(key, 0) + value(counter)

    def items(self) -> Iterable[Tuple[Key, int]]:
        """Label values and counts, as they stand."""
        sums = {key: value(counter) + self._settled.get(key, 0) for key, counter in list(self._series.items())}
        for parts in list(self._parts.values()):
            for key, counter in list(parts.items()):
                sums[key] = sums.get(key, 0) + value(counter)
        return sums.items()

    def total(self) -> int:
        """The sum over all label sets."""
        return sum(number for _, number in self.items())


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def sample(name: str, number: float, labels: Optional[Mapping[str, str]] = None) -> str:
    """One line of the text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
    inner = ",".join('%s="%s"' % (key, _escape(word)) for key, word in (labels or {}).items())
    return "%s%s %s" % (name, "{%s}" % inner if inner else "", format(number, "g") if number % 1 else str(int(number)))


def exposition(counters: List[Counter], gauges: Mapping[str, float]) -> str:
    """The whole page: counters with their labels, then plain gauges."""
    lines: List[str] = []
    for counter in counters:
        lines.append("# TYPE %s counter" % counter.name)
        lines += [sample(counter.name, number, dict(zip(counter.labels, key))) for key, number in counter.items()]
    for name, number in gauges.items():
        kind = "counter" if name.endswith(("_total", "_sum", "_count")) else "gauge"
        lines += ["# TYPE %s %s" % (name, kind), sample(name, number)]
    return "\n".join(lines) + "\n"
