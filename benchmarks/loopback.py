"""What a call and a served request cost on loopback: bare, meshrun, a second bare as control, OpenTelemetry.

All variants run at the same time and work in turn, few calls each, so that each round sees the same machine: a shared
one changes its speed by half several times a second. After some rounds all processes are started anew: two bare ones
differ for as long as they live, by where things lie in memory. A client's figure is its own CPU time for a call, a
server's that of its process tree for a request. What is measured runs on one core, everything else on another: two
cores differ by more than what is looked for. A run is void unless the colour was seen on every call: by the back end
for clients, by the process's own counters for servers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import bench_venv
import measure

sys.path.insert(0, str(measure.ROOT))

from tests.contract.ports import free_port

APPS = measure.ROOT / "benchmarks" / "apps"
CLIENTS = ("requests", "httpx", "httpx_async", "aiohttp")
SERVERS = ("flask", "fastapi", "aiohttp")
VARIANTS = ("bare", "meshrun", "control", "otel")
TICK = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
# Calls of a client (caller.py), and requests to a server, before the first that counts.
WARM = 50
# How many variables the environment of a variant has beyond the common ones.
VARIABLES = 6
# opentelemetry-instrument puts it there itself.
SET_BY_OTEL = "PYTHONPATH"


class Bench:
    """The processes and the folder of one run."""

    def __init__(self) -> None:
        self.bin = bench_venv.ready()
        self.python = str(self.bin / "python")
        self.folder = Path(tempfile.mkdtemp(prefix="meshrun-bench-"))
        self.store = "file:%s" % (self.folder / "store")
        self.processes: List[subprocess.Popen[str]] = []

    def environment(self, variant: str, service: str = "") -> Dict[str, str]:
        """The environment that makes a variant, of equally many variables in each.

        In every call requests looks for a proxy and reads all variables twice: 2 to 3 us for each of them.
        """
        own: Dict[str, str] = {}
        if variant == "meshrun":
            own = {
                "PYTHONPATH": str(measure.ROOT / "sitecustomize"), "MESHRUN_ENABLED": "1", "MESHRUN_STORE": self.store,
                "MESHRUN_STATE_DIR": str(self.folder / "state"), "MESHRUN_LANE": "gray", "MESHRUN_SERVICE": service,
            }  # fmt: skip
        if variant == "otel":
            own = {
                "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none",
                "OTEL_SERVICE_NAME": "bench", SET_BY_OTEL: "",
            }  # fmt: skip
        for number in range(len(own), VARIABLES):
            own["BENCH_VARIABLE_%d" % number] = self.store
        return measure.clean_environment(PATH="%s:%s" % (self.bin, os.environ["PATH"]), **own)

    def start(
        self, variant: str, command: Sequence[str], service: str = "", *, measured: bool = False
    ) -> subprocess.Popen[str]:
        """Start a command as a variant; one that is `measured` has the last core."""
        words = [str(self.bin / "opentelemetry-instrument"), *command] if variant == "otel" else list(command)
        process = subprocess.Popen(
            words, cwd=str(APPS), env=self.environment(variant, service), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        if measured:
            os.sched_setaffinity(process.pid, CORES[-1:])
        self.processes.append(process)
        return process

    def close(self) -> None:
        """End all of them."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(str(self.folder), ignore_errors=True)


def fill(bench: Bench, ports: Sequence[int]) -> None:
    """The back end is a gray instance of `orders`, and its address an Alias, so that all variants call one URL."""
    from meshrun.core.model import Instance
    from meshrun.engines import open_engine
    from meshrun.engines.base import Edit

    engine = open_engine(bench.store)
    for port in ports:
        engine.register(Instance("o%d" % port, "default/orders", "127.0.0.1", port, tags={"lane": "gray"}), 86400.0)
    text = "kind: Alias\nname: bench\nhosts: ['127.0.0.1:%d']\nservice: orders\n" % ports[0]
    engine.apply([Edit("Alias/default/bench", text)], "bench", "bench")


def asked(process: subprocess.Popen[str], count: int) -> float:
    """Let a client make its calls; CPU microseconds of one."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the client has no pipes")
    process.stdin.write("%d\n" % count)
    process.stdin.flush()
    return float(process.stdout.readline())


Seen = Dict[str, Dict[str, List[float]]]


def joined(parts: Sequence[Seen]) -> Seen:
    """The rounds of several sets of processes, one after the other."""
    return {
        library: {variant: [one for part in parts for one in part[library][variant]] for variant in VARIANTS}
        for library in parts[0]
    }


def outbound(rounds: int, calls: int) -> Seen:
    """Rounds of every client."""
    bench = Bench()
    try:
        backend = bench.start("bare", [bench.python, "backend.py", "1", "60"])
        port = json.loads(backend.stdout.readline())[0]  # type: ignore[union-attr]
        fill(bench, [port])
        seen: Seen = {}
        for library in CLIENTS:
            command = [bench.python, "caller.py", library, "http://127.0.0.1:%d/7" % port]
            clients = {variant: bench.start(variant, command, measured=True) for variant in VARIANTS}
            for client in clients.values():
                client.stdout.readline()  # type: ignore[union-attr]
            seen[library] = {variant: [] for variant in VARIANTS}
            for number in range(rounds + 1):
                for variant, client in turned(clients, number):
                    counted(port)
                    cost = asked(client, calls)
                    if variant == "meshrun" and counted(port)["coloured"] != calls:
                        raise RuntimeError("void: %s did not colour every call" % library)
                    if number:
                        seen[library][variant].append(cost)
            for client in clients.values():
                client.stdin.close()  # type: ignore[union-attr]
        return seen
    finally:
        bench.close()


def counted(port: int) -> Dict[str, int]:
    """What the back end counted since it was asked last."""
    found: Dict[str, int] = json.loads(
        exchange(port, b"GET /count HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")[2]
    )
    return found


def exchange(port: int, request: bytes) -> bytes:
    """One request on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        data = b""
        while True:
            block = connection.recv(65536)
            data += block
            if not block:
                return data


def turned(variants: Mapping[str, Any], number: int) -> List[Tuple[str, Any]]:
    """The variants, each round beginning with another, and every other round in the opposite order.

    What ran before has left its traces in the caches.
    """
    listed = list(variants.items())
    at = number % len(listed)
    turn = listed[at:] + listed[:at]
    return turn[::-1] if number % 2 else turn


def inbound(rounds: int, calls: int) -> Seen:
    """Rounds of every server."""
    seen: Seen = {}
    for server in SERVERS:
        bench = Bench()
        try:
            fill(bench, [1])
            running = {variant: _serve(bench, server, variant) for variant in VARIANTS}
            seen[server] = {variant: [] for variant in VARIANTS}
            for number in range(rounds + 1):
                for variant, (process, connection) in turned(running, number):
                    before = _tree_cpu(process.pid)
                    _load(connection, calls)
                    if number:
                        seen[server][variant].append((_tree_cpu(process.pid) - before) / calls * 1e6)
            for _, connection in running.values():
                connection.close()
            _check_inbound(bench, WARM + (rounds + 1) * calls)
        finally:
            bench.close()
    return seen


def _serve(bench: Bench, server: str, variant: str) -> Tuple[subprocess.Popen[str], socket.socket]:
    """Start a server; its process, and the one connection on which it is asked."""
    port = str(free_port())
    commands: Mapping[str, List[str]] = {
        "flask": ["gunicorn", "-k", "gthread", "-b", "127.0.0.1:" + port, "--keep-alive", "60", "served:flask_app"],
        "fastapi": ["uvicorn", "--port", port, "--no-access-log", "--timeout-keep-alive", "60", "served:fastapi_app"],
        "aiohttp": ["python", "served.py", port],
    }
    process = bench.start(
        variant, [str(bench.bin / commands[server][0]), *commands[server][1:]], "served", measured=True
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            connection = socket.create_connection(("127.0.0.1", int(port)), timeout=30)
            _load(connection, WARM)
        except OSError:
            time.sleep(0.2)
        else:
            return process, connection
    raise RuntimeError("%s %s does not answer" % (variant, server))


def _load(connection: socket.socket, calls: int) -> None:
    """Coloured requests, one after the other."""
    request = b"GET / HTTP/1.1\r\nHost: served\r\nAccept: */*\r\nUser-Agent: bench\r\nbaggage: lane=gray\r\n\r\n"
    for _ in range(calls):
        connection.sendall(request)
        data = b""
        while not data.endswith(b"ok"):
            block = connection.recv(65536)
            if not block:
                raise ConnectionError("the server closed the connection")
            data += block


def _tree_cpu(pid: int) -> float:
    """CPU seconds of a process and its children, finer than a tick: the scheduler's own account."""
    total = 0.0
    for each in [pid, *_children(pid)]:
        for task in Path("/proc/%d/task" % each).iterdir():
            total += int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    return total


def _children(pid: int) -> List[int]:
    found: List[int] = []
    for task in Path("/proc/%d/task" % pid).iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += [int(child), *_children(int(child))]
    return found


def _check_inbound(bench: Bench, calls: int) -> None:
    """Every request was seen with its colour, by the counters behind the admin sockets."""
    total = 0
    for path in (bench.folder / "state").glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(path))
            admin.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            page = b""
            while True:
                block = admin.recv(65536)
                page += block
                if not block:
                    break
        for line in page.decode().splitlines():
            if 'direction="inbound"' in line and 'lane="lane=gray"' in line:
                total += int(line.rsplit(" ", 1)[1])
    if total < calls:
        raise RuntimeError("void: %d of %d requests were seen with their colour" % (total, calls))


def standard_error(found: Mapping[str, Sequence[float]], sets: int) -> float:
    """Of what meshrun adds: how much the medians of the sets of processes differ, by the root of their number."""
    differences = [one - other for one, other in zip(found["meshrun"], found["control"])]
    size = len(differences) // sets
    medians = [statistics.median(differences[at * size : (at + 1) * size]) for at in range(sets)]
    return statistics.stdev(medians) / sets**0.5 if sets > 1 else float("nan")


def rows(seen: Mapping[str, Mapping[str, Sequence[float]]], figures: Dict[str, Any], sets: int) -> List[List[str]]:
    """A row for each library."""
    out = []
    for library, found in seen.items():
        above = measure.added(found, "meshrun", "control")
        otel = measure.added(found, "otel", "control")
        noise = measure.added(found, "bare", "control")
        ratio = above.median / otel.median
        error = standard_error(found, sets)
        figures[library] = {
            "above_control_us": above.median, "standard_error_us": error, "otel_us": otel.median, "ratio": ratio,
        }  # fmt: skip
        control = measure.spread(found["control"]).text(0)
        out.append([library, control, above.text(), "%.1f" % error, otel.text(), "%.2f" % ratio, noise.text()])
    return out


def main() -> int:
    """Both directions."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=30)
    chosen = parser.parse_args()
    os.sched_setaffinity(0, CORES[:1])
    figures: Dict[str, Any] = {"outbound": {}, "inbound": {}}
    head = ["", "bare (control), µs", "meshrun adds, µs", "standard error", "OpenTelemetry adds, µs", "ratio"]
    head.append("bare against control, µs")
    sets = range(chosen.sets)
    calls = joined([outbound(chosen.rounds, chosen.calls) for _ in sets])
    served = joined([inbound(chosen.rounds, chosen.calls) for _ in sets])
    note = (
        "CPU; medians of per-round differences to the control with quartiles, and the standard error from set to set; "
        "%d sets of %d rounds of %d calls, interleaved, every call coloured."
    ) % (chosen.sets, chosen.rounds, chosen.calls)
    text = measure.table("Outbound call", head, rows(calls, figures["outbound"], chosen.sets))
    text += "\n" + measure.table("Served request", head, rows(served, figures["inbound"], chosen.sets), note)
    measure.publish("loopback", text, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
