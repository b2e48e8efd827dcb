"""Rolling restarts of every server with its usual client: failed, executed twice, slowest, bare beside meshrun.

Three instances at a fixed rate, GET and POST in turn, every 33rd request half a second long. `surge`: the new instance
is up before the old one is signalled; `replace`: after it has ended. The signal goes to the root, or to the whole
process group at once, as systemd and supervisord may send it. A bare client holds a list of addresses and is told of a
stop one second after it began; one under meshrun has nothing but the service's name. "Executed twice": each request
carries its number, and the apps log what they execute.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence

import bench_venv
import measure

APPS = measure.ROOT / "benchmarks" / "apps"
RATE = 60
TOLD_SECONDS = 1.0
BOUND_SECONDS = 60.0


class Kind(NamedTuple):
    """A server and its usual client; `%d` is the port."""

    command: str
    client: str


KINDS: Mapping[str, Kind] = {
    "gunicorn sync": Kind("gunicorn -w 5 -b 127.0.0.1:%d rolled:wsgi", "requests"),
    "gunicorn gthread": Kind("gunicorn --threads 16 -b 127.0.0.1:%d rolled:wsgi", "requests"),
    "gunicorn gevent": Kind("gunicorn -k gevent -b 127.0.0.1:%d rolled:wsgi", "requests"),
    "uvicorn": Kind("uvicorn --no-access-log --port %d rolled:asgi", "httpx"),
    "uvicorn --workers 2": Kind("uvicorn --no-access-log --workers 2 --port %d rolled:asgi", "httpx"),
    "hypercorn": Kind("hypercorn --bind 127.0.0.1:%d rolled:asgi", "httpx"),
    "granian": Kind("granian --interface asgi --port %d rolled:asgi", "httpx"),
    "aiohttp.web": Kind("python rolled.py aiohttp %d", "aiohttp"),
    "tornado": Kind("python rolled.py tornado %d", "aiohttp"),
    "waitress": Kind("waitress-serve --threads 16 --listen 127.0.0.1:%d rolled:wsgi", "requests"),
    "werkzeug": Kind("python rolled.py werkzeug %d", "requests"),
}
MODES = ("surge root", "surge group", "replace root", "replace group")


def until(holds: Any, what: str) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + BOUND_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError("never: " + what)
        time.sleep(0.05)


class Fleet:
    """The instances of one run and their client."""

    def __init__(self, kind: Kind, *, bare: bool) -> None:
        self.kind, self.bare = kind, bare
        self.folder = Path(tempfile.mkdtemp(prefix="meshrun-restarts-"))
        self.bin = bench_venv.ready()
        self.store = "file:%s" % (self.folder / "store")
        self.running: Dict[int, subprocess.Popen[bytes]] = {}
        self.client = self._spawn([self.bin / "python", "roller.py", kind.client, str(RATE)], "caller", piped=True)

    def _spawn(self, words: Sequence[Any], service: str, *, piped: bool = False) -> Any:
        environ = measure.clean_environment(
            PATH="%s:%s" % (self.bin, os.environ["PATH"]),
            APP_JOURNAL=str(self.folder / "journal"),
            PYTHONUNBUFFERED="1",
        )
        if not self.bare:
            environ.update(
                PYTHONPATH=str(measure.ROOT / "sitecustomize"), MESHRUN_ENABLED="1", MESHRUN_STORE=self.store,
                MESHRUN_STATE_DIR=str(self.folder / "state"), MESHRUN_SERVICE=service,
            )  # fmt: skip
        pipe = subprocess.PIPE if piped else subprocess.DEVNULL
        out = pipe if piped else (self.folder / ("log-%s" % service)).open("ab")
        return subprocess.Popen(
            [str(word) for word in words], cwd=str(APPS), env=environ, stdin=pipe, stdout=out,
            stderr=subprocess.DEVNULL if piped else subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def start(self) -> int:
        """One more instance that answers (and is registered); its port."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        words = (self.kind.command % port).split()
        process = self.running[port] = self._spawn([self.bin / words[0], *words[1:]], "app")
        until(lambda: _answers(port) or _ended(process), self.kind.command)
        if not self.bare:
            until(lambda: port in self.registered(), "registered: " + self.kind.command)
        return port

    def registered(self) -> List[int]:
        """The ports in the registry."""
        from meshrun.engines import open_engine

        found = open_engine(self.store).instances(None).instances.get("default/app", ())
        return [instance.port for instance in found if instance.alive]

    def tell(self, *, without: int = 0) -> None:
        """Give a bare client its list; one under meshrun has a name."""
        ports = [port for port in self.running if port != without]
        bases = ["http://127.0.0.1:%d" % port for port in ports] if self.bare else ["http://app"]
        self.client.stdin.write((" ".join(bases) + "\n").encode())
        self.client.stdin.flush()

    def stop(self, port: int, *, group: bool) -> None:
        """Signal it and wait for its end; a bare client hears of it a second later."""
        process = self.running[port]
        (os.killpg if group else os.kill)(process.pid, signal.SIGTERM)
        if self.bare:
            time.sleep(TOLD_SECONDS)
            self.tell(without=port)
        until(lambda: process.poll() is not None, "the end of " + self.kind.command)
        del self.running[port]
        self.tell()

    def result(self) -> Dict[str, Any]:
        """End the client; what it and the apps saw."""
        answer, _ = self.client.communicate(timeout=BOUND_SECONDS)
        found: Dict[str, Any] = json.loads(answer)
        executed = (self.folder / "journal").read_text(encoding="ascii").splitlines()
        found["twice"] = len(executed) - len(set(executed))
        return found

    def close(self) -> None:
        """End all of it."""
        for process in (*self.running.values(), self.client):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(str(self.folder), ignore_errors=True)


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            return connection.getresponse().status == 200
    except OSError:
        return False


def _ended(process: Any) -> bool:
    if process.poll() is not None:
        raise RuntimeError("the server ended")
    return False


@contextlib.contextmanager
def fleet(kind: Kind, *, bare: bool) -> Iterator[Fleet]:
    """Three instances under load."""
    made = Fleet(kind, bare=bare)
    try:
        for _ in range(3):
            made.start()
        made.tell()
        time.sleep(2)
        yield made
    finally:
        made.close()


def restarted(kind: Kind, mode: str, restarts: int, *, bare: bool) -> Dict[str, Any]:
    """So many restarts in a mode; in the mode `control` as long a time without any."""
    how, _, whom = mode.partition(" ")
    with fleet(kind, bare=bare) as made:
        for _ in range(restarts):
            old = next(iter(made.running))
            if how == "control":
                time.sleep(4)
                continue
            if how == "surge":
                made.start()
                made.tell()
            made.stop(old, group=whom == "group")
            if how == "replace":
                made.start()
                made.tell()
            time.sleep(1)
        return made.result()


def main() -> int:
    """Every server in every mode that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--restarts", type=int, default=6)
    parser.add_argument("--servers", default=",".join(KINDS))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--bare", action="store_true", help="each server without meshrun too, in the first mode")
    chosen = parser.parse_args()
    rows: List[List[str]] = []
    figures: Dict[str, Any] = {}
    for name in chosen.servers.split(","):
        runs = [(mode, False) for mode in ("control", *chosen.modes.split(","))]
        runs += [(chosen.modes.split(",")[0], True)] * chosen.bare
        for mode, bare in runs:
            found = restarted(KINDS[name], mode, chosen.restarts, bare=bare)
            label = mode + (", bare" if bare else "")
            row = {"sent": found["sent"], "failed": len(found["failures"]), "twice": found["twice"],
                   "slowest": found["slowest"]}  # fmt: skip
            figures.setdefault(name, {})[label] = row
            rows.append([name, KINDS[name].client, label, str(row["sent"]), str(row["failed"]), str(row["twice"]),
                         "%.2f s" % row["slowest"]])  # fmt: skip
            sys.stdout.write("%s\n" % rows[-1])
            for failure in found["failures"][:3]:
                sys.stdout.write("   %s\n" % (failure,))
            sys.stdout.flush()
    head = ["server", "client", "run", "requests", "failed", "executed twice", "slowest"]
    note = "%d requests/s, 3 instances, %d restarts in each run." % (RATE, chosen.restarts)
    measure.publish("restarts", measure.table("Rolling restart of every server", head, rows, note), figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
