"""How many instructions an outgoing call takes: bare, meshrun, OpenTelemetry. The figure that no neighbour disturbs.

The clock of a shared machine varies by more than what a hook costs; the number of instructions of the same calls does
not. valgrind counts them: a process makes 60 calls and another 260, and the difference is 200 calls without the start;
of two repeats the lesser, as what a process finds in its store is done once by the first that comes. Its model of
caches counts what a second level of 1 MiB misses, which is why a hook costs more in place than alone. Our agent thread
does not count (calls.py), nor what the kernel does, so this stands beside `loopback`, not in its place. Without
valgrind it says so and ends.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import Any, Dict, List, Tuple

import loopback
import measure

FEW, MANY, REPEATS = 60, 260, 2
VARIANTS = ("bare", "meshrun", "otel")
CACHES = ("--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,8,64")  # bytes, ways, bytes of a line
Counts = Tuple[int, int]
"""Instructions, misses of the second level."""


def counted(bench: loopback.Bench, variant: str, library: str, port: int, calls: int) -> Counts:
    """Those of a process that makes so many calls."""
    words = [bench.python, "calls.py", library, "http://127.0.0.1:%d/7" % port, str(calls)]
    if variant == "otel":
        words.insert(0, str(bench.bin / "opentelemetry-instrument"))
    loopback.counted(port)
    # A program that is executed anew is followed: opentelemetry-instrument becomes the app's interpreter.
    grind = ["valgrind", "--tool=cachegrind", "--cache-sim=yes", *CACHES, "--cachegrind-out-file=/dev/null"]
    grind.append("--trace-children=yes")
    environ = dict(bench.environment(variant), PYTHONHASHSEED="0")
    done = subprocess.run(
        [*grind, *words], cwd=str(loopback.APPS), env=environ, capture_output=True, text=True, check=False, timeout=600
    )
    found = re.findall(r"I\s+refs:\s+([\d,]+)(?s:.*?)LL misses:\s+([\d,]+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError("%s %s: %s" % (variant, library, done.stderr[-2000:]))
    if variant == "meshrun" and loopback.counted(port)["coloured"] != calls + loopback.WARM:
        raise RuntimeError("void: %s did not colour every call" % library)
    instructions, misses = (int(number.replace(",", "")) for number in found[-1])
    return instructions, misses


def of_a_call(few: Counts, many: Counts) -> Tuple[float, float]:
    """Thousands of instructions, misses."""
    calls = MANY - FEW
    return (many[0] - few[0]) / calls / 1000, (many[1] - few[1]) / calls


def main() -> int:
    """Every client in every variant."""
    if shutil.which("valgrind") is None:
        sys.stdout.write("instructions: valgrind is not installed; nothing counted\n")
        return 0
    figures: Dict[str, Any] = {}
    body: List[List[str]] = []
    bench = loopback.Bench()
    try:
        backend = bench.start("bare", [bench.python, "backend.py", "1", "60"])
        port = json.loads(backend.stdout.readline())[0]  # type: ignore[union-attr]
        loopback.fill(bench, [port])
        for library in loopback.CLIENTS:
            call: Dict[str, float] = {}
            misses: Dict[str, float] = {}
            for variant in VARIANTS:
                few, many = (
                    min(counted(bench, variant, library, port, calls) for _ in range(REPEATS)) for calls in (FEW, MANY)
                )
                call[variant], misses[variant] = of_a_call(few, many)
            ours, theirs = call["meshrun"] - call["bare"], call["otel"] - call["bare"]
            figures[library] = {"thousands": call, "ratio": ours / theirs, "misses": misses}
            added = ["%.0f (%.1f %%)" % (one, 100 * one / call["bare"]) for one in (ours, theirs)]
            missed = ["%.0f" % misses[variant] for variant in VARIANTS]
            body.append([library, "%.0f" % call["bare"], *added, "%.2f" % (ours / theirs), *missed])
    finally:
        bench.close()
    head = ["", "bare, thousands", "meshrun adds", "OpenTelemetry adds", "ratio"]
    head += ["cache misses: bare", "meshrun", "OpenTelemetry"]
    note = "Instructions of one call in thousands, in user space, and misses of a second-level cache of 1 MiB, by "
    note += "cachegrind; %d calls less %d, the lesser of %d." % (MANY, FEW, REPEATS)
    measure.publish("instructions", measure.table("Instructions of an outgoing call", head, body, note), figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
