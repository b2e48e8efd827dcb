"""Does the choice among many endpoints keep connections alive? One Session or Client over 3 services.

50 calls a second, servers that close a connection after 5 idle seconds. Many endpoints (100 for each service) against
one endpoint for each service, both under meshrun: new connections for each call, and CPU.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any, Dict, List

import measure
from loopback import Bench, counted

SERVICES, RATE = 3, 50
LIMITS = {"requests": 1.1, "httpx": 1.8}


def fill(bench: Bench, ports: List[int]) -> None:
    """The ports are instances of the services in turn; their keep-alive is registered, as a provider does it."""
    from meshrun.core.model import Instance
    from meshrun.engines import open_engine

    engine = open_engine(bench.store)
    for n, port in enumerate(ports):
        service = "default/s%d" % (n % SERVICES)
        engine.register(
            Instance("i%d" % port, service, "127.0.0.1", port, tags={"lane": "gray"}, keepalive=5.0), 86400.0
        )


def measured(library: str, endpoints: int, calls: int) -> Dict[str, float]:
    """One run with so many endpoints for each service."""
    bench = Bench()
    try:
        backend = bench.start("bare", [bench.python, "backend.py", str(SERVICES * endpoints), "5"])
        ports = json.loads(backend.stdout.readline())  # type: ignore[union-attr]
        fill(bench, ports)
        urls = ["http://s%d/" % n for n in range(SERVICES)]
        command = [bench.python, "paced.py", library, str(RATE), str(calls), *urls]
        client: subprocess.Popen[str] = bench.start("meshrun", command)
        out, _ = client.communicate()
        seen = counted(ports[0])
        if seen["coloured"] != calls + SERVICES:
            raise RuntimeError("void: %d of %d calls were coloured" % (seen["coloured"], calls + SERVICES))
        return {"cpu": json.loads(out)["cpu"], "connections": seen["connections"] / calls}
    finally:
        bench.close()


def main() -> int:
    """Both libraries, interleaved."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--calls", type=int, default=1500)
    chosen = parser.parse_args()
    rows, figures = [], {}
    for library, limit in LIMITS.items():
        many, one = [], []
        for _ in range(chosen.rounds):
            many.append(measured(library, 100, chosen.calls))
            one.append(measured(library, 1, chosen.calls))
        ratio = measure.spread([a["cpu"] / b["cpu"] for a, b in zip(many, one)])
        connections = measure.spread([a["connections"] for a in many])
        found: Dict[str, Any] = {"new_connections_per_call": connections.median, "cpu_ratio": ratio.median}
        figures[library] = found
        rows.append([library, connections.text(3), "0.05", ratio.text(2), "%g" % limit])
    head = ["client", "new connections per call", "budget", "CPU against one endpoint each", "budget"]
    note = "3 services of 100 endpoints, %d calls/s, servers close after 5 idle seconds; %d rounds of %d calls." % (
        RATE, chosen.rounds, chosen.calls,
    )  # fmt: skip
    measure.publish("keepalive", measure.table("Keep-alive over many endpoints", head, rows, note), figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
