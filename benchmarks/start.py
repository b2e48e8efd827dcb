"""What a start costs above bare: the environment door, the launcher, and the door when it is shut."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import measure

ROUNDS = 20
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
"""Asked inside: what `wait4` says of a child begins with the memory of the process that forked it."""
LIMITS = {"door": (12.0, 2.0), "launcher": (40.0, None), "disabled": (2.0, None)}


def main() -> int:
    """Measure `python -c pass` in four ways."""
    door = str(measure.ROOT / "sitecustomize")
    python, launcher = sys.executable, str(Path(sys.executable).parent / "meshrun")
    bare = measure.clean_environment()
    ways = {
        "bare": ([python, "-c"], bare),
        "door": ([python, "-c"], dict(bare, PYTHONPATH=door, MESHRUN_ENABLED="1")),
        "disabled": ([python, "-c"], dict(bare, PYTHONPATH=door, MESHRUN_ENABLED="0")),
        "launcher": ([launcher, python, "-c"], bare),
    }
    cpu: Dict[str, List[float]] = {name: [] for name in ways}
    memory: Dict[str, List[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, (command, environ) in ways.items():
            cost = measure.cpu_ms([*command, "pass"], environ)
            peak = subprocess.run([*command, PEAK], env=environ, capture_output=True, check=True).stdout
            if number:
                cpu[name].append(cost)
                memory[name].append(int(peak) / 1024)
    rows, figures = [], {}
    for name, (most_cpu, most_memory) in LIMITS.items():
        time, space = measure.added(cpu, name, "bare"), measure.added(memory, name, "bare")
        figures[name] = {"cpu_ms": time.median, "peak_mib": space.median}
        budget = "%g ms%s" % (most_cpu, ", %g MiB" % most_memory if most_memory else "")
        rows.append([name, time.text(), space.text(2), budget])
    bare_cost = measure.spread(cpu["bare"])
    note = "Bare `python -c pass`: %s ms CPU. %d rounds, interleaved." % (bare_cost.text(), ROUNDS)
    head = ["`python -c pass` through", "CPU ms added", "peak MiB added", "budget"]
    measure.publish("start", measure.table("Start above bare", head, rows, note), figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
