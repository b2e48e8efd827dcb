"""What the `file` engine costs at scale: 10,000 rules over 1,000 services, 10,000 instances; CPU of one process."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, TypeVar

import measure
from meshrun.core.model import Instance
from meshrun.engines.base import Edit
from meshrun.engines.file import FileEngine

SERVICES, RULES, INSTANCES = 1_000, 10, 10
ROUTE = """kind: Route
name: r%d-%d
service: s%d
rules:
  - when: { header.x-user: { in: ["%d", "%d"] } }
    to: [{ tags: { version: v2 }, weight: 10 }, { tags: { version: v1 }, weight: 90 }]
"""
Found = TypeVar("Found")


class Table:
    """Measures calls and keeps their rows."""

    def __init__(self) -> None:
        self.rows: List[List[str]] = []
        self.figures: Dict[str, float] = {}

    def row(self, what: str, call: Callable[[], Found], times: int = 1) -> Found:
        """Milliseconds of CPU of one call, the mean of `times`; answers what the last call did."""
        began = time.process_time()
        for _ in range(times - 1):
            call()
        found = call()
        self.figures[what] = (time.process_time() - began) / times * 1000
        self.rows.append([what, "%.3f" % self.figures[what]])
        return found


def rules(store: Path, table: Table) -> None:
    """Ten thousand routes, written by hand into a hundred files."""
    (store / "rules").mkdir(parents=True)
    texts = [ROUTE % (s, r, s, s, r) for s in range(SERVICES) for r in range(RULES)]
    for number in range(0, len(texts), 100):
        (store / "rules" / ("f%05d.yaml" % number)).write_text("---\n".join(texts[number : number + 100]))
    time.sleep(0.3)  # What was written less than 0.2 s ago is left alone.
    writer = FileEngine(str(store))
    table.row("rules: compile all of them, written by hand", lambda: writer.rules(None))
    reader = FileEngine(str(store))
    reading = table.row("rules: first load of a process", lambda: reader.rules(None))
    edit = Edit("Route/default/r5-5", (ROUTE % (5, 5, 5, 5, 5)).replace("weight: 10", "weight: 20"))
    table.row("rules: apply a change of one document", lambda: writer.apply([edit], "bench", "one"))
    table.row("rules: pick that change up", lambda: reader.rules(reading))
    time.sleep(0.3)
    reading = reader.rules(reading)
    table.row("rules: a poll without a change", lambda: reader.rules(reading), 2000)


def instances(store: Path, table: Table) -> None:
    """Ten thousand instances, ten of each service."""
    ahead = [0.0]
    writer = FileEngine(str(store))
    for service in range(SERVICES):
        for number in range(INSTANCES):
            name, address = "i%d-%d" % (service, number), "10.0.%d.%d" % (service % 250, number)
            writer.register(Instance(name, "default/s%d" % service, address, 8000, tags={"version": "v1"}), 600)
    time.sleep(0.3)  # A folder that changed less than 0.1 s ago is read again.
    reader = FileEngine(str(store), lambda: time.time() + ahead[0], lambda: time.monotonic() + ahead[0])
    reading = table.row("instances: first look of a process", lambda: reader.instances(None))
    one = reading.instances["default/s7"][0]
    table.row("instances: a renewal", lambda: writer.renew(one, 600), 1000)
    writer.mark(one, "draining")
    reading = table.row("instances: pick one change up", lambda: reader.instances(reading))
    time.sleep(0.3)
    reading = reader.instances(reading)
    table.row("instances: a poll without a change", lambda: reader.instances(reading), 2000)
    for folder in reading.instances.values():
        for instance in folder:
            writer.renew(instance, 600)
    ahead[0] = 599.0
    table.row("instances: look at every lease (once per lease time)", lambda: reader.instances(reading))


def main() -> int:
    """Measure both in a folder of its own."""
    table = Table()
    folder = Path(tempfile.mkdtemp(prefix="meshrun-bench-"))
    try:
        rules(folder / "rules", table)
        instances(folder / "instances", table)
    finally:
        shutil.rmtree(folder)
    note = (
        "10,000 routes and 10,000 instances of 1,000 services; CPU of one process, each step once, polls 2,000 times."
    )
    text = measure.table("The `file` engine at scale", ["what", "CPU ms"], table.rows, note)
    measure.publish("store", text, table.figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
