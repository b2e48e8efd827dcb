"""What a start costs above bare, per Python: the environment door, open and shut, that of a bundle, and the launcher.

The bundle is read-only and holds what `meshctl bundle` compiles by default; nothing can be kept beside its sources.
Three programs: ``pass``; an app that imports flask and requests and uses neither; and, below 3.8, where nothing of ours
may load, ``pass``. Each Python that is installed takes part (`tests.compat.pythons`), with the app's libraries in an
environment of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import measure

sys.path.insert(0, str(measure.ROOT))

from tests.compat.environments import environment
from tests.compat.pythons import INERT, LATER, SUPPORTED, find

ROUNDS = 15
DOOR = str(measure.ROOT / "sitecustomize")
APP = "import flask, requests"
SEEN = """
import os
peak = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')]
print('%s %d %d' % (peak[0], len(os.listdir('/proc/self/task')), len(os.listdir('/proc/self/fd'))))
"""
"""Asked inside: what `wait4` says of a child begins with the memory of the process that forked it."""
DOOR_MS, DOOR_MIB, APP_MS, APP_MIB, SHUT_MS, LAUNCHER_MS = 12.0, 2.0, 25.0, 6.0, 2.0, 40.0


class Way(NamedTuple):
    """One program under one environment; `base` is the way whose cost is taken off."""

    command: Sequence[str]
    code: str
    environ: Mapping[str, str]
    base: str


class Costs(NamedTuple):
    """What a way adds to its base, and the threads and descriptors that it has more."""

    cpu: measure.Spread
    peak: measure.Spread
    held: Tuple[int, int]


def main() -> int:
    """Measure every Python that is here."""
    bare = measure.clean_environment()
    opened, shut = (dict(bare, PYTHONPATH=DOOR, MESHRUN_ENABLED=value) for value in ("1", "0"))
    bundle = Path(tempfile.mkdtemp()) / "bundle"
    build = [sys.executable, "-m", "meshrun.cli", "bundle", str(bundle)]
    subprocess.run(build, env=dict(bare, PYTHONPATH=str(measure.ROOT / "agent")), check=True, stdout=sys.stderr)
    bundled = dict(bare, PYTHONPATH=str(bundle / "boot"), MESHRUN_ENABLED="1")
    rows: List[List[str]] = []
    figures: Dict[str, Any] = {}
    # Python 2 writes its compiled file beside the source.
    aside = str(shutil.copytree(DOOR, str(Path(tempfile.mkdtemp()) / "door")))
    for version in (*INERT, *SUPPORTED, *LATER):
        path = find(version)
        if path is None:
            continue
        inert = version in INERT
        python = path if inert else environment("start-" + version, path, ["flask", "requests"])
        door = dict(opened, PYTHONPATH=aside) if inert else opened
        ways = {"bare": Way([python], "pass", bare, ""), "door": Way([python], "pass", door, "bare")}
        if not inert:
            ways["shut"] = Way([python], "pass", shut, "bare")
            ways["bare app"] = Way([python], APP, bare, "")
            ways["app"] = Way([python], APP, opened, "bare app")
            ways["bundle"] = Way([python], "pass", bundled, "bare")
            ways["bundle app"] = Way([python], APP, bundled, "bare app")
            if version == "%d.%d" % sys.version_info[:2]:
                launcher = [python.replace("/bin/python", "/bin/meshrun"), python]
                ways["launcher"] = Way(launcher, "pass", bare, "bare")
        costs = measured(ways)
        figures[version] = {name: noted(cost) for name, cost in costs.items()}
        rows.append(row(version, costs, inert=inert))
    shutil.rmtree(str(Path(aside).parent))
    subprocess.run(["chmod", "-R", "u+w", str(bundle)], check=True)
    shutil.rmtree(str(bundle.parent))
    head = ["Python", "door: CPU ms", "MiB", "app: CPU ms", "MiB", "bundle: CPU ms", "MiB", "app: CPU ms", "MiB"]
    head += ["threads, descriptors", "shut: CPU ms"]
    limits = "%g (below 3.8: %g)|%g|%g|%g" % (DOOR_MS, SHUT_MS, DOOR_MIB, APP_MS, APP_MIB)
    limits += "|%g|%g|%g|%g|0, 0|%g" % (DOOR_MS, DOOR_MIB, APP_MS, APP_MIB, SHUT_MS)
    rows.append(["budget", *limits.split("|")])
    publish(head, rows, figures)
    return 0


def measured(ways: Mapping[str, Way]) -> Dict[str, Costs]:
    """Run all ways in turn, round after round; the first round warms up."""
    cpu: Dict[str, List[float]] = {name: [] for name in ways}
    peak: Dict[str, List[float]] = {name: [] for name in ways}
    held: Dict[str, Tuple[int, int]] = {}
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            cost = measure.cpu_ms([*way.command, "-c", way.code], way.environ)
            command = [*way.command, "-c", way.code + SEEN]
            said = subprocess.run(command, env=dict(way.environ), capture_output=True, check=True, text=True)
            kilobytes, threads, descriptors = map(int, said.stdout.split())
            held[name] = (threads, descriptors)
            if number:
                cpu[name].append(cost)
                peak[name].append(kilobytes / 1024)
    return {
        name: Costs(
            measure.added(cpu, name, way.base),
            measure.added(peak, name, way.base),
            (held[name][0] - held[way.base][0], held[name][1] - held[way.base][1]),
        )
        for name, way in ways.items()
        if way.base
    }


def row(version: str, costs: Mapping[str, Costs], *, inert: bool) -> List[str]:
    """A line of the table."""
    door = costs["door"]
    shown = [version, door.cpu.text(), door.peak.text(2)]
    if inert:
        return [*shown, "-", "-", "-", "-", "-", "-", "%d, %d" % door.held, "-"]
    for name in ("app", "bundle", "bundle app"):
        shown += [costs[name].cpu.text(), costs[name].peak.text(2)]
    held = [max(numbers) for numbers in zip(costs["app"].held, costs["bundle app"].held)]
    return [*shown, "%d, %d" % tuple(held), costs["shut"].cpu.text()]


def noted(cost: Costs) -> Dict[str, Any]:
    """For machines."""
    return {"cpu_ms": cost.cpu.median, "peak_mib": cost.peak.median, "threads": cost.held[0], "fds": cost.held[1]}


def publish(head: Sequence[str], rows: Sequence[Sequence[str]], figures: Mapping[str, Any]) -> None:
    """The page, with the launcher of this Python below the table."""
    [launcher] = [costs["launcher"] for costs in figures.values() if "launcher" in costs]
    note = "All above bare, %d rounds, interleaved. The app is `%s`. `meshrun python -c pass` on this Python adds "
    note += "%.1f ms (budget %g): an interpreter more, which then becomes the program."
    note %= (ROUNDS, APP, launcher["cpu_ms"], LAUNCHER_MS)
    measure.publish("start", measure.table("Start above bare", head, rows, note), figures)


if __name__ == "__main__":
    sys.exit(main())
