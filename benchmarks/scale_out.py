"""A cold third instance joins two warm ones under load: how many slow answers it gives, with and without meshrun.

gunicorn with 3 threads, 60 requests a second; the first 50 requests of the cold one cost up to 400 ms more, each less
than the one before. Under meshrun: prewarmed before it registers, ramped up by its callers, neither. Bare behind Envoy:
round robin, and its slow start. Counted over 20 s from the moment at which callers could find it; the two others are
older than the ramp by then. The variants take turns.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

import bench_venv
import instances
import measure
from instances import BARE, MESHED, Kind, Load
from proxies import Envoy, Proxy
from tests.contract.ports import free_port

KIND = Kind("gunicorn --threads 3 -b 127.0.0.1:%d cold:wsgi", "requests")
RATE, RAMP, SEEN, SLOW = 60, 15, 20.0, 0.1
RULE = "kind: Lifecycle\nname: app\nservice: app\nwarmup: {seconds: %d}\n"
PREWARM = "prewarm: {requests: 60, paths: [/warm], concurrency: 3, timeout: 60}\n"


class Variant(NamedTuple):
    """Who is under meshrun, its rule, and the balancer if there is one."""

    meshed: Sequence[str]
    rule: str = ""
    slow_start: float = -1.0


VARIANTS: Mapping[str, Variant] = {
    "meshrun, prewarmed": Variant(tuple(MESHED), RULE % 0 + PREWARM),
    "meshrun, ramp %d s" % RAMP: Variant(tuple(MESHED), RULE % RAMP),
    "meshrun, neither": Variant(tuple(MESHED), RULE % 0),
    "Envoy, round robin": Variant(tuple(BARE), slow_start=0.0),
    "Envoy, slow start %d s" % RAMP: Variant(tuple(BARE), slow_start=float(RAMP)),
}


def measured(variant: Variant) -> Dict[str, float]:
    """One joining."""
    made = instances.Fleet(
        KIND, Load(KIND.client, RATE), meshed=variant.meshed, rule=variant.rule,
        front=functools.partial(_front, variant.slow_start) if variant.slow_start >= 0 else None,
    )  # fmt: skip
    try:
        for _ in range(2):
            made.start(NAME="warm")
        made.begin()
        time.sleep(RAMP + 3)
        made.start(NAME="cold", COLD="0.4")
        joined = time.time()
        made.tell()
        time.sleep(SEEN + 2)
        calls = made.result()
        failures = [call for call in calls if call[3]]
        if failures:
            made.keep(json.dumps({"joined": joined, "failures": failures}, indent=1))
            sys.stdout.write("%d failed, logs: %s\n" % (len(failures), made.folder))
    except RuntimeError as error:
        made.keep(str(error))
        raise
    finally:
        made.close()
    return counted(calls, joined)


def _front(slow_start: float, folder: Path) -> Proxy:
    return Envoy(folder, free_port(), None, slow_start)


def counted(calls: Sequence[Sequence[Any]], joined: float) -> Dict[str, float]:
    """What the client saw in the seconds after; milliseconds."""
    seen = [call for call in calls if joined <= call[1] < joined + SEEN]
    before = sorted(call[2] for call in calls if call[1] < joined)
    cold = [call[2] for call in seen if call[4] == "cold"]
    return {
        "calls": len(seen),
        "failed": sum(bool(call[3]) for call in calls),
        "cold": len(cold),
        "cold_slow": sum(seconds > SLOW for seconds in cold),
        "slow": sum(call[2] > SLOW for call in seen),
        "p99_ms": 1000 * statistics.quantiles([call[2] for call in seen], n=100)[98],
        "worst_ms": 1000 * max(call[2] for call in seen),
        "p99_before_ms": 1000 * statistics.quantiles(before, n=100)[98],
    }


def cells(rounds: Sequence[Mapping[str, float]]) -> List[str]:
    """The figures of each round, side by side."""
    names = ("calls", "failed", "cold", "cold_slow", "slow", "p99_ms", "worst_ms", "p99_before_ms")
    return [", ".join("%.0f" % found[name] for found in rounds) for name in names]


def main() -> int:
    """All variants in turn, round after round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--variants", default="", help="a part of the names of those that are wanted")
    chosen = parser.parse_args()
    bench_venv.ready()
    wanted = [name for name in VARIANTS if chosen.variants in name]
    seen: Dict[str, List[Dict[str, float]]] = {name: [] for name in wanted}
    for _ in range(chosen.rounds):
        for name in wanted:
            seen[name].append(measured(VARIANTS[name]))
            sys.stdout.write("%s: %s\n" % (name, seen[name][-1]))
            sys.stdout.flush()
    head = ["variant", "calls in 20 s", "failed", "by the cold one", "of those > 100 ms", "all > 100 ms", "p99 ms",
            "worst ms", "p99 before, ms"]  # fmt: skip
    note = "%d requests/s, 3 threads each, first 50 requests up to 400 ms slower; %d rounds." % (RATE, chosen.rounds)
    rows = [[name, *cells(seen[name])] for name in wanted]
    measure.publish("scale_out", measure.table("A cold instance joins", head, rows, note), seen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
