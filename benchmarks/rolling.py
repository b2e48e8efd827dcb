"""A rolling restart of the demo's services at a fixed rate: failed, executed twice, and a control without restarts.

Two baseline instances of web, orders and stock; the client runs under meshrun and sends at a fixed rate. Each restart
starts the new instance first and sends SIGTERM to the root of the old one. "Executed twice": each request carries its
number, stock logs the numbers that it executed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import measure

sys.path.insert(0, str(measure.ROOT / "examples" / "demo"))

from fleet import Fleet, result

APPS = measure.ROOT / "benchmarks" / "apps"
RATE = 100


def start(fleet: Fleet, service: str) -> Any:
    """One instance that logs what it executes."""
    return fleet.start(service, APP_JOURNAL=str(fleet.folder / "journal"))


def measured(restarts: int, services: List[str]) -> Dict[str, Any]:
    """One run: `restarts` of each service, or as long a time without any."""
    folder = Path(tempfile.mkdtemp(prefix="meshrun-rolling-"))
    fleet = Fleet(folder, APPS)
    try:
        for service in ("web", "orders", "stock"):
            for _ in range(2):
                start(fleet, service)
        fleet.settled()
        client = fleet.client(0, RATE)
        for service in services:
            for _ in range(restarts):
                old = fleet.find(service)
                start(fleet, service)
                fleet.settled()
                fleet.stop(old)
        if not services:
            time.sleep(60)
        found = result(client)
        executed = (folder / "journal").read_text(encoding="ascii").splitlines()
        found["executed_twice"] = len(executed) - len(set(executed))
        found["executed"] = len(executed)
        return found
    finally:
        fleet.close()
        shutil.rmtree(str(folder), ignore_errors=True)


def main() -> int:
    """The run and its control."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--restarts", type=int, default=6)
    chosen = parser.parse_args()
    rows, figures = [], {}
    for name, services in (("control", []), ("restarts", ["web", "orders", "stock"])):
        found = measured(chosen.restarts, services)
        figures[name] = {k: found[k] for k in ("sent", "executed", "executed_twice", "slowest")}
        figures[name]["failed"] = len(found["failures"])
        figures[name]["restarts"] = chosen.restarts * len(services)
        row = figures[name]
        rows.append([name, str(row["restarts"]), str(row["sent"]), str(row["failed"]), str(row["executed_twice"]),
                     "%.2f s" % row["slowest"]])  # fmt: skip
        for failure in found["failures"][:5]:
            sys.stdout.write("   %s\n" % (failure,))
    head = ["run", "restarts", "requests", "failed", "executed twice", "slowest"]
    note = "%d requests/s, GET and POST, new instance first, SIGTERM to the root, client under meshrun." % RATE
    measure.publish("rolling", measure.table("Rolling restart", head, rows, note), figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
