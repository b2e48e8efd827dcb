"""What stands between a bare client and the instances: Envoy, nginx, a Service. Each takes another list while it runs.

Envoy: endpoints by a file that is replaced as a whole, Istio's default retries (previous hosts excluded) without
Envoy's own limit of three at a time, outlier ejection. nginx: its defaults with kept-alive connections, the list by a
reload. `idle` is how long either keeps an idle connection to an instance; None: its default. With it nginx also keeps
no idle connection of a client, which a reload would close under the client's next request.

Service: as kube-proxy makes one of iptables. It knows connections and no requests, and has nothing to set.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import bench_venv

NGINX = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    %s
    upstream app { %s keepalive 32; %s }
    server {
        listen 127.0.0.1:%d;
        location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
"""
_APART = "BENCH_APART"
ISTIO = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"


class Proxy:
    """A program in a folder that forwards to a list of ports."""

    def __init__(self, folder: Path, port: int, idle: Optional[float]) -> None:
        self.folder, self.port, self.idle = folder / "front", port, idle
        self.url = "http://127.0.0.1:%d" % port
        self._ports: List[int] = []
        self._process: Optional[subprocess.Popen[bytes]] = None
        self.folder.mkdir()

    def serve(self, ports: Sequence[int]) -> None:
        """From now on these; the first list starts it."""
        if list(ports) == self._ports:
            return
        self._ports = list(ports)
        self.write(ports)
        if self._process is None:
            with (self.folder / "log").open("wb") as log:
                self._process = subprocess.Popen(
                    self.command(), cwd=str(self.folder), stdout=log, stderr=log, start_new_session=True
                )
            self._answers()
        else:
            self.reload(self._process)

    def _answers(self) -> None:
        for _ in range(400):
            with socket.socket() as tried:
                if not tried.connect_ex(("127.0.0.1", self.port)):
                    time.sleep(0.5)
                    return
            time.sleep(0.05)
        raise RuntimeError("the proxy does not listen: " + (self.folder / "log").read_text(encoding="utf-8")[-1000:])

    def write(self, ports: Sequence[int]) -> None:
        """Put the list where the program looks."""
        raise NotImplementedError

    def command(self) -> List[str]:
        """The program."""
        raise NotImplementedError

    def reload(self, process: subprocess.Popen[bytes]) -> None:
        """Let the running program look."""

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


class Nginx(Proxy):
    """nginx with kept-alive connections."""

    def write(self, ports: Sequence[int]) -> None:
        """The whole configuration."""
        servers = " ".join("server 127.0.0.1:%d;" % port for port in ports)
        idle = "" if self.idle is None else "keepalive_timeout %dms;" % (self.idle * 1000)
        clients = "" if self.idle is None else "keepalive_timeout 0;"
        (self.folder / "nginx.conf").write_text(NGINX % (clients, servers, idle, self.port), encoding="ascii")

    def command(self) -> List[str]:
        """From the machine's own package."""
        program = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin")
        if program is None:
            raise RuntimeError("there is no nginx here")
        return [program, "-p", str(self.folder), "-c", "nginx.conf", "-e", "error.log"]

    def reload(self, process: subprocess.Popen[bytes]) -> None:
        """As ``nginx -s reload``."""
        process.send_signal(signal.SIGHUP)


class Service(Proxy):
    """A Service of Kubernetes: each new connection goes to one of the list by chance, those that are there stay.

    It works by rules of the machine's network: only for whoever called `apart`.
    """

    def serve(self, ports: Sequence[int]) -> None:
        """All rules are exchanged at once."""
        if not self._ports:
            match = ["-p", "tcp", "-d", "127.0.0.1", "--dport", str(self.port)]
            _iptables("iptables", "-t", "nat", "-N", self._chain)
            _iptables("iptables", "-t", "nat", "-A", "OUTPUT", *match, "-j", self._chain)
        self._ports = list(ports)
        rules = [
            "-A %s -p tcp -m statistic --mode random --probability %.6f -j DNAT --to-destination 127.0.0.1:%d"
            % (self._chain, 1 / (len(ports) - at), port)
            for at, port in enumerate(ports)
        ]
        text = "\n".join(["*nat", ":%s - [0:0]" % self._chain, *rules, "COMMIT", ""])
        _iptables("iptables-restore", "--noflush", given=text)

    @property
    def _chain(self) -> str:
        return "SVC-%d" % self.port


def _iptables(program: str, *words: str, given: str = "") -> None:
    subprocess.run([program, "-w", *words], input=given, text=True, check=True)


def apart() -> bool:
    """Run this program anew in a network of its own, in which a `Service` may be made; False: that cannot be had here.

    It needs the programs `iptables`, `ip` and `unshare`, and the right to make a namespace of the kernel.
    """
    if os.environ.get(_APART):
        return True
    inside = ["sh", "-c", 'ip link set lo up && iptables -w -t nat -L >/dev/null && exec "$@"', "sh"]
    words = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), *inside]
    try:
        subprocess.run([*words, "true"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return False
    environ = {**os.environ, _APART: "1"}
    sys.exit(subprocess.run([*words, sys.executable, *sys.argv], env=environ, check=False).returncode)


class Envoy(Proxy):
    """Envoy as Istio sets it; `slow_start` seconds for new endpoints."""

    def __init__(self, folder: Path, port: int, idle: Optional[float], slow_start: float = 0.0) -> None:
        super().__init__(folder, port, idle)
        self.slow_start = slow_start
        (self.folder / "envoy.json").write_text(json.dumps(self._bootstrap()), encoding="ascii")

    def write(self, ports: Sequence[int]) -> None:
        """The endpoints, moved to their place as a whole."""
        endpoints = [{"endpoint": {"address": _address(port)}} for port in ports]
        resource = {
            "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            "cluster_name": "app",
            "endpoints": [{"lb_endpoints": endpoints}],
        }
        text = json.dumps({"version_info": str(time.time()), "resources": [resource]})
        (self.folder / "eds.new").write_text(text, encoding="ascii")
        (self.folder / "eds.new").rename(self.folder / "eds.json")

    def command(self) -> List[str]:
        """From the package index."""
        words = ["-c", "envoy.json", "--concurrency", "1", "-l", "warn", "--disable-hot-restart"]
        return [str(bench_venv.envoy()), *words]

    def _bootstrap(self) -> Dict[str, Any]:
        retry = {
            "retry_on": ISTIO,
            "retriable_status_codes": [503],
            "num_retries": 2,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {"@type": _PREVIOUS},
                }
            ],
            "host_selection_retry_max_attempts": 5,
        }
        route = {"match": {"prefix": "/"}, "route": {"cluster": "app", "timeout": "30s", "retry_policy": retry}}
        manager = {
            "@type": _MANAGER,
            "stat_prefix": "in",
            "route_config": {"virtual_hosts": [{"name": "app", "domains": ["*"], "routes": [route]}]},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
        }
        listener = {
            "name": "in",
            "address": _address(self.port),
            "filter_chains": [
                {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
            ],
        }
        node = {"id": "front", "cluster": "front"}
        return {"node": node, "static_resources": {"listeners": [listener], "clusters": [self._cluster()]}}

    def _cluster(self) -> Dict[str, Any]:
        cluster: Dict[str, Any] = {
            "name": "app",
            "type": "EDS",
            "connect_timeout": "2s",
            "eds_cluster_config": {
                "eds_config": {"path_config_source": {"path": str(self.folder / "eds.json")}},
            },
            "circuit_breakers": {"thresholds": [{"max_retries": 4294967295}]},
            "outlier_detection": {
                "consecutive_5xx": 3, "interval": "1s", "base_ejection_time": "10s", "max_ejection_percent": 34,
            },
        }  # fmt: skip
        if self.slow_start:
            window = {"slow_start_config": {"slow_start_window": "%ds" % self.slow_start}}
            cluster["round_robin_lb_config"] = window
        if self.idle is not None:
            cluster["typed_extension_protocol_options"] = {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": _OPTIONS,
                    "common_http_protocol_options": {"idle_timeout": "%.3fs" % self.idle},
                    "explicit_http_config": {"http_protocol_options": {}},
                }
            }
        return cluster


_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)  # fmt: skip
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_PREVIOUS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_OPTIONS = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def _address(port: int) -> Dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
