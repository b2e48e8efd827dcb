"""How the benchmarks measure: variants interleaved in one run, medians of per-round differences with quartiles."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


class Spread(NamedTuple):
    """A median with its quartiles."""

    median: float
    low: float
    high: float

    def text(self, digits: int = 1) -> str:
        """``12.3 [11.0..14.1]``."""
        return "%.*f [%.*f..%.*f]" % (digits, self.median, digits, self.low, digits, self.high)


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of some values."""
    ordered = sorted(values)
    if len(ordered) < 2:
        return Spread(ordered[0], ordered[0], ordered[0])
    low, middle, high = statistics.quantiles(ordered, n=4)
    return Spread(middle, low, high)


def rounds(variants: Mapping[str, Callable[[], float]], count: int) -> Dict[str, List[float]]:
    """Measure each variant once a round, A B C A B C; the first round warms up and is not counted."""
    seen: Dict[str, List[float]] = {name: [] for name in variants}
    for number in range(count + 1):
        for name, measure in variants.items():
            value = measure()
            if number:
                seen[name].append(value)
    return seen


def added(seen: Mapping[str, Sequence[float]], name: str, base: str) -> Spread:
    """What `name` costs above `base`: the differences of each round."""
    return spread([a - b for a, b in zip(seen[name], seen[base])])


def cpu_ms(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Run a command to its end; milliseconds of user and system time as the kernel accounts them."""
    child = subprocess.Popen(command, env=dict(environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    if child.returncode:
        raise RuntimeError("%s ended with %d" % (" ".join(command), child.returncode))
    return (used.ru_utime + used.ru_stime) * 1000


def clean_environment(**more: str) -> Dict[str, str]:
    """The environment without anything of ours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MESHRUN_", "PYTHON"))}
    return dict(kept, **more)


def table(title: str, head: Sequence[str], body: Sequence[Sequence[str]], note: str = "") -> str:
    """A table in Markdown."""
    lines = ["## " + title, "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    return "\n".join([*lines, "", note, ""] if note else [*lines, ""])


def publish(name: str, text: str, figures: Mapping[str, Any]) -> None:
    """Print a result and keep it: the page for people, the figures for machines."""
    RESULTS.mkdir(exist_ok=True)
    where = "CPython %s, %d cores" % (platform.python_version(), os.cpu_count() or 0)
    (RESULTS / (name + ".md")).write_text(text + "\n(%s)\n" % where, encoding="utf-8")
    (RESULTS / (name + ".json")).write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
