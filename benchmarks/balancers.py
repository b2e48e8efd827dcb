"""Rolling restarts behind a real nginx and a real Envoy, with bare clients: servers bare, and servers under meshrun.

Load and restarts are those of `restarts`. The balancer is told of a stop one second after the signal, as a platform
would; by then `/readiness` of a server under meshrun says 503 (`MESHRUN_PROBE`), or the run is void. nginx has its
defaults and kept-alive connections, and gets its list by a reload; Envoy has pushed endpoints, Istio's retries and
outlier ejection. "tuned": both give up an idle connection before the server does, and nginx keeps none of its clients'.
In the same command a client under meshrun calls the instances by the service's name, with nothing between.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Tuple

import instances
import parts
from instances import APP, BARE, KINDS, MESHED, RATE, Load
from proxies import Envoy, Nginx, Proxy

SERVERS = ("gunicorn gthread", "uvicorn", "aiohttp.web")
CONTROL, SURGE = "control", "surge root"
FRONTS: Mapping[str, Callable[..., Proxy]] = {"nginx": Nginx, "Envoy": Envoy}
DIRECT = "client under meshrun"
WAYS = ("bare", "meshrun", "meshrun, tuned")
TUNED = 0.5
"""The share of the server's keep-alive after which a tuned balancer gives up an idle connection."""


def front(name: str, idle: Any) -> Callable[[Path], Proxy]:
    """Makes the balancer of a run in the run's folder."""
    return lambda folder: FRONTS[name](folder, instances.free_port(), idle)


def runs(server: str, restarts: int, mode: str) -> Dict[parts.Key, Callable[[], Dict[str, Any]]]:
    """Everything for one server."""
    kind = KINDS[server]
    load = Load(kind.client, idle=kind.idle)
    found: Dict[parts.Key, Callable[[], Dict[str, Any]]] = {
        (server, DIRECT, "meshrun", mode): functools.partial(
            instances.restarted, kind, load, mode, restarts, meshed=MESHED
        )
    }
    for name in FRONTS:
        for way in WAYS:
            idle = kind.idle * TUNED if "tuned" in way else None
            how: Dict[str, Any] = {"meshed": BARE if way == "bare" else (APP,), "front": front(name, idle)}
            for one in (CONTROL, mode):
                found[server, name, way, one] = functools.partial(
                    instances.restarted, kind, load, one, restarts, **how
                )  # fmt: skip
    return found


def order(key: parts.Key) -> Tuple[int, ...]:
    """As the tables say them."""
    server, name, way, mode = key
    return (SERVERS.index(server), [*FRONTS, DIRECT].index(name), WAYS.index(way), mode != CONTROL)


def main() -> int:
    """Each server behind each balancer, in every way."""
    parser = parts.parser()
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--mode", default=SURGE, help="one of those of restarts.py")
    chosen = parser.parse_args()
    todo: Dict[parts.Key, Callable[[], Dict[str, Any]]] = {}
    for server in chosen.servers.split(","):
        todo.update(runs(server, chosen.restarts, chosen.mode))
    kept = parts.Parts("balancers", fresh=chosen.fresh)
    ended = parts.work(kept, todo, chosen.restarts, chosen.jobs)
    note = "%d requests/s and idle connections, 3 instances, the balancer is told 1 s after the signal;" % RATE
    kept.publish("Rolling restart behind nginx and Envoy", ["server", "through", "servers", "run"], order, note)
    return ended


if __name__ == "__main__":
    sys.exit(main())
