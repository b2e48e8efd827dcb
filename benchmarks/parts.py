"""Results that are made in parts: each finished run is one row, kept at once beside those of other days or commands.

`--fresh` starts anew. Runs go side by side where asked; each has its own folder and ports.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence, Tuple

import bench_venv
import measure

Key = Tuple[str, ...]
SEPARATOR = " / "
FIGURES = (
    "sent", "failed", "idle_failed", "failed_executed", "answered_unexecuted", "twice", "slowest", "restarts",
)  # fmt: skip
"""What is kept of a run; `instances.counted` says what each is."""
HEAD = ("requests", "failed", "of these executed", "executed twice", "slowest")


def parser(restarts: int = 6) -> argparse.ArgumentParser:
    """The options that all have."""
    made = argparse.ArgumentParser()
    made.add_argument("--restarts", type=int, default=restarts, help="restarts in each run (%(default)s)")
    made.add_argument("--jobs", type=int, default=1, help="runs side by side (%(default)s)")
    made.add_argument("--fresh", action="store_true", help="forget the rows that earlier commands made")
    return made


class Parts:
    """The rows of one benchmark, by their key."""

    def __init__(self, name: str, *, fresh: bool) -> None:
        self.name = name
        self._path = measure.RESULTS / (name + ".json")
        self._lock = threading.Lock()
        if fresh or not self._path.exists():
            self._path.write_text("{}\n", encoding="utf-8")

    def rows(self) -> Dict[Key, Dict[str, Any]]:
        """What there is, by key."""
        found: Dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return {tuple(name.split(SEPARATOR)): row for name, row in found.items() if "sent" in row}

    def keep(self, key: Key, row: Mapping[str, Any]) -> None:
        """One more; an earlier one of the same key goes."""
        with self._alone():
            rows: Dict[Key, Mapping[str, Any]] = {**self.rows(), key: {name: row[name] for name in FIGURES}}
            kept = {SEPARATOR.join(one): rows[one] for one in sorted(rows)}
            self._path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Among the threads here, and the commands that run meanwhile."""
        with self._lock, self._path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def publish(self, title: str, head: Sequence[str], order: Callable[[Key], Any], note: str) -> None:
        """The page of all rows."""
        rows = self.rows()
        keys = sorted(rows, key=order)
        body = [[*key, *cells(rows[key])] for key in keys]
        restarts = sorted({rows[key]["restarts"] for key in keys})
        note = "%s %s restarts in each run." % (note, " or ".join(map(str, restarts)))
        figures = {SEPARATOR.join(key): rows[key] for key in keys}
        measure.publish(self.name, measure.table(title, [*head, *HEAD], body, note), figures)


def cells(row: Mapping[str, Any]) -> List[str]:
    """A row as it is shown."""
    failed = str(row["failed"]) + (" (%d after idling)" % row["idle_failed"] if row["idle_failed"] else "")
    slowest = "%.2f s" % row["slowest"]
    return [str(row["sent"]), failed, str(row["failed_executed"]), str(row["twice"]), slowest]


def work(parts: Parts, runs: Mapping[Key, Callable[[], Dict[str, Any]]], restarts: int, jobs: int) -> int:
    """Do the runs, `jobs` at a time; 1 if one of them did not come to an end."""
    bench_venv.ready()
    broken: List[Key] = []

    def one(key: Key) -> None:
        try:
            found = dict(runs[key](), restarts=restarts)
        except (RuntimeError, OSError) as error:
            broken.append(key)
            _say("%s: no result: %s" % (SEPARATOR.join(key), error))
            return
        parts.keep(key, found)
        _say("%s: %s" % (SEPARATOR.join(key), " | ".join(cells(found))), *told(found))

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, runs))
    return 1 if broken else 0


def told(found: Mapping[str, Any]) -> Iterator[str]:
    """What there is to say of a run with failures."""
    for failure in found["failures"][:5]:
        yield "   %s" % str(failure)[:240]
    if "folder" in found:
        yield "   all of them, and the logs: %s" % found["folder"]
    if found["answered_unexecuted"]:
        yield "   answered, and in no journal: %d" % found["answered_unexecuted"]


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
