"""Rolling restarts behind nginx, Envoy and a Service, with bare clients: servers bare, and servers under meshrun.

Load and restarts are those of `restarts`. The balancer is told of a stop one second after the signal, as a platform
would; by then `/readiness` of a server under meshrun says 503 (`MESHRUN_PROBE`), or the run is void. nginx has its
defaults and kept-alive connections, and gets its list by a reload; Envoy has pushed endpoints, Istio's retries and
outlier ejection. "tuned": both give up an idle connection before the server does, and nginx keeps none of its clients'.
A Service is that of Kubernetes, as kube-proxy makes one of iptables; its clients hold connections to the servers. One
of its clients is a page in Chromium.
In the same command a client under meshrun calls the instances by the service's name, with nothing between.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Sequence, Tuple

import bench_venv
import instances
import parts
from instances import APP, BARE, KINDS, MESHED, RATE, Load
from proxies import Envoy, Nginx, Proxy, Service, apart
from tests.contract.ports import free_port

SERVERS = ("gunicorn gthread", "uvicorn", "aiohttp.web")
CONTROL, SURGE = "control", "surge root"
BROWSER = "Service from a browser"
FRONTS: Mapping[str, Callable[..., Proxy]] = {"nginx": Nginx, "Envoy": Envoy, "Service": Service, BROWSER: Service}
DIRECT = "client under meshrun"
WAYS = ("bare", "meshrun", "meshrun, tuned")
UNTUNED = ("Service", BROWSER)
"""Those that have nothing to tune."""
TUNED = 0.5
"""The share of the server's keep-alive after which a tuned balancer gives up an idle connection."""


def front(name: str, idle: Any) -> Callable[[Path], Proxy]:
    """Makes the balancer of a run in the run's folder."""
    kind = FRONTS[name]
    return lambda folder: kind(folder, free_port(), idle)


def runs(server: str, restarts: int, mode: str, fronts: Sequence[str]) -> Dict[parts.Key, Callable[[], Dict[str, Any]]]:
    """Everything for one server."""
    kind = KINDS[server]
    load = Load(kind.client, idle=kind.idle)
    found: Dict[parts.Key, Callable[[], Dict[str, Any]]] = {}
    for name in fronts:
        if name == DIRECT:
            found[server, DIRECT, "meshrun", mode] = functools.partial(
                instances.restarted, kind, load, mode, restarts, meshed=MESHED
            )
            continue
        for way in WAYS[: 2 if name in UNTUNED else 3]:
            idle = kind.idle * TUNED if "tuned" in way else None
            how: Dict[str, Any] = {"meshed": BARE if way == "bare" else (APP,), "front": front(name, idle)}
            sent = Load("browser") if name == BROWSER else load
            for one in (CONTROL, mode):
                found[server, name, way, one] = functools.partial(
                    instances.restarted, kind, sent, one, restarts, **how
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
    parser.add_argument("--fronts", default=",".join((*FRONTS, DIRECT)))
    parser.add_argument("--mode", default=SURGE, help="one of those of restarts.py")
    chosen = parser.parse_args()
    fronts = chosen.fronts.split(",")
    bench_venv.ready()  # while there is a way to the package index
    if set(fronts) & set(UNTUNED) and not apart():
        print("no Service: that needs iptables, ip and unshare, and the right to make a namespace", file=sys.stderr)
        fronts = [name for name in fronts if name not in UNTUNED]
    todo: Dict[parts.Key, Callable[[], Dict[str, Any]]] = {}
    for server in chosen.servers.split(","):
        todo.update(runs(server, chosen.restarts, chosen.mode, fronts))
    kept = parts.Parts("balancers", fresh=chosen.fresh)
    ended = parts.work(kept, todo, chosen.restarts, chosen.jobs)
    note = "%d requests/s and idle connections, 3 instances, the balancer is told 1 s after the signal;" % RATE
    title = "Rolling restart behind nginx, Envoy and a Service"
    kept.publish(title, ["server", "through", "servers", "run"], order, note)
    return ended


if __name__ == "__main__":
    sys.exit(main())
