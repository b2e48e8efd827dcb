"""Counters that threads may share without a lock, and their exposition as Prometheus text.

``next()`` on an ``itertools.count`` is one C call, so an increment is never lost between threads; its value is read
from its ``repr``, the one way that neither advances it nor is deprecated.
"""

from __future__ import annotations

from itertools import count
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

MAX_SERIES = 2000
"""Label sets kept of one metric; more are added up under ``other`` so that hosts of an attacker cannot fill memory."""

RESULTS = {status: "%dxx" % (status // 100) for status in range(100, 600)}
"""A status code as the label `result`."""

REQUESTS = "meshrun_requests_total"
REQUEST_LABELS = ("direction", "service", "peer", "lane", "target", "result", "reason")


def value(counter: count[int]) -> int:
    """How often `counter` was advanced; it is not advanced by asking."""
    return int(repr(counter)[6:-1])


class Counter:
    """A metric with labels; `add` costs one dictionary look-up and one C call."""

    __slots__ = ("_series", "labels", "name")

    def __init__(self, name: str, labels: Tuple[str, ...]) -> None:
        self.name = name
        self.labels = labels
        self._series: Dict[Tuple[str, ...], count[int]] = {}

    def add(self, key: Tuple[str, ...]) -> None:
        """Count one event with these label values, in the order of `labels`."""
        next(self.series(key))

    def series(self, key: Tuple[str, ...]) -> count[int]:
        """The counter of these label values, for whoever counts the same often: ``next(counter)``."""
        counter = self._series.get(key)
        return counter if counter is not None else self._new(key)

    def _new(self, key: Tuple[str, ...]) -> count[int]:
        if len(self._series) >= MAX_SERIES:
            key = ("other",) * len(self.labels)
        return self._series.setdefault(key, count())

    def items(self) -> Iterator[Tuple[Tuple[str, ...], int]]:
        """Label values and counts, as they stand."""
        return ((key, value(counter)) for key, counter in list(self._series.items()))

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
