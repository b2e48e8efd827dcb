"""The instances of one run, the client that calls them, and what both sides saw.

Either side may be under meshrun or bare. A client that is under meshrun has nothing but the service's name. A bare one
holds a list of addresses, or calls through a proxy that holds it; the list follows a stop one second after it began.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

import bench_venv
import measure
from proxies import Proxy

sys.path.insert(0, str(measure.ROOT))

from tests.contract.ports import free_port

APPS = measure.ROOT / "benchmarks" / "apps"
RATE = 60
TOLD_SECONDS = 1.0
BOUND_SECONDS = 60.0
APP, CALLER = "app", "caller"
BARE: Collection[str] = ()
MESHED: Collection[str] = (APP, CALLER)
IDLE_FROM = 1000000
"""The numbers of requests on connections that were idle begin there."""
LAUNCHER = (
    sys.executable, "-c", "import sys; sys.path.insert(0, %r); sys.argv[0] = 'meshrun'; "
    "from meshrun.boot.launcher import main; main()" % str(measure.ROOT / "agent"),
)  # fmt: skip
"""The launcher of this checkout, as its console script would run it."""


class Kind(NamedTuple):
    """A server, its usual client, and the seconds that it keeps an idle connection (5 where it is longer).

    `%d` is the port. A first word `meshrun` is the launcher: without meshrun it is left out. `named`: the server counts
    only where ``MESHRUN_PORT`` says so.
    """

    command: str
    client: str
    idle: float = 5.0
    named: bool = False


KINDS: Mapping[str, Kind] = {
    "gunicorn sync": Kind("gunicorn -w 5 -b 127.0.0.1:%d rolled:wsgi", "requests"),
    "gunicorn gthread": Kind("gunicorn --threads 16 -b 127.0.0.1:%d rolled:wsgi", "requests", 2.0),
    "gunicorn gevent": Kind("gunicorn -k gevent -b 127.0.0.1:%d rolled:wsgi", "requests", 2.0),
    "gunicorn uvicorn": Kind("gunicorn -k uvicorn_worker.UvicornWorker -b 127.0.0.1:%d rolled:asgi", "httpx"),
    "gunicorn asgi": Kind("gunicorn -k asgi -b 127.0.0.1:%d rolled:asgi", "httpx", 2.0),
    "uvicorn": Kind("uvicorn --no-access-log --port %d rolled:asgi", "httpx"),
    "uvicorn --workers 2": Kind("uvicorn --no-access-log --workers 2 --port %d rolled:asgi", "httpx"),
    "hypercorn": Kind("hypercorn --bind 127.0.0.1:%d rolled:asgi", "httpx"),
    "granian": Kind("granian --interface asgi --port %d rolled:asgi", "httpx"),
    "aiohttp.web": Kind("python rolled.py aiohttp %d", "aiohttp"),
    "tornado": Kind("python rolled.py tornado %d", "aiohttp"),
    "waitress": Kind("waitress-serve --threads 16 --listen 127.0.0.1:%d rolled:wsgi", "requests"),
    "werkzeug": Kind("python rolled.py werkzeug %d", "requests"),
    "Django runserver": Kind("python rolled.py django %d", "requests"),
    "gevent pywsgi": Kind("python rolled.py pywsgi %d", "requests"),
    "wsgiref": Kind("python rolled.py wsgiref %d", "requests", named=True),
    "uWSGI": Kind(
        "meshrun uwsgi --http-socket 127.0.0.1:%d --master --die-on-term --processes 4 --no-orphans "
        "--disable-logging --module rolled:wsgi",
        "requests",
    ),
}
CLIENTS = ("requests", "httpx", "aiohttp")


def until(holds: Callable[[], Any], what: str) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + BOUND_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError("never: " + what)
        time.sleep(0.05)


class Load(NamedTuple):
    """What the client does: the library, requests a second, seconds of silence on the idle connections (0: none)."""

    client: str
    rate: int = RATE
    idle: float = 0.0
    repeat: int = 0


class Fleet:
    """The instances of one run and their client."""

    def __init__(
        self,
        kind: Kind,
        load: Load,
        *,
        meshed: Collection[str] = MESHED,
        front: Optional[Callable[[Path], Proxy]] = None,
        rule: str = "",
    ) -> None:
        self.kind, self.meshed = kind, meshed
        self.folder = Path(tempfile.mkdtemp(prefix="meshrun-restarts-"))
        self.bin = bench_venv.ready()
        self.store = "file:%s" % (self.folder / "store")
        self.running: Dict[int, subprocess.Popen[bytes]] = {}
        self._probes: Dict[int, int] = {}
        if rule:
            (self.folder / "store" / "rules").mkdir(parents=True)
            (self.folder / "store" / "rules" / "app.yaml").write_text(rule, encoding="utf-8")
        self.front = front(self.folder) if front else None
        words = [self.bin / "python", "roller.py", load.client, load.rate, load.idle, load.repeat]
        self.client = self._spawn(words, CALLER, {}, piped=True)

    def _spawn(self, words: Sequence[Any], service: str, more: Mapping[str, str], *, piped: bool = False) -> Any:
        environ = measure.clean_environment(
            PATH="%s:%s" % (self.bin, os.environ["PATH"]),
            APP_JOURNAL=str(self.folder / "journal"),
            PYTHONUNBUFFERED="1",
            **more,
        )
        if service in self.meshed:
            environ.update(
                PYTHONPATH=str(measure.ROOT / "sitecustomize"), MESHRUN_ENABLED="1", MESHRUN_STORE=self.store,
                MESHRUN_STATE_DIR=str(self.folder / "state"), MESHRUN_SERVICE=service,
            )  # fmt: skip
        pipe = subprocess.PIPE if piped else subprocess.DEVNULL
        with (self.folder / ("log-%s" % service)).open("ab") as log:
            return subprocess.Popen(
                [str(word) for word in words], cwd=str(APPS), env=environ, stdin=pipe,
                stdout=pipe if piped else log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def start(self, **environ: str) -> int:
        """One more instance that answers (and is registered and ready); its port."""
        port = free_port()
        words: List[Any] = (self.kind.command % port).split()
        if words[0] == "meshrun":
            words[:1] = LAUNCHER if APP in self.meshed else []
        else:
            words[0] = self.bin / words[0]
        if self.front and APP in self.meshed:
            self._probes[port] = free_port()
            environ["MESHRUN_PROBE"] = "127.0.0.1:%d" % self._probes[port]
        if self.kind.named and APP in self.meshed:
            environ["MESHRUN_PORT"] = str(port)
        process = self.running[port] = self._spawn(words, APP, environ)
        until(lambda: status(port) == 200 or self._ended(process), self.kind.command)
        if APP in self.meshed:
            until(lambda: port in self.registered(), "registered: " + self.kind.command)
        if port in self._probes:
            until(lambda: status(self._probes[port], "/readiness") == 200, "ready: " + self.kind.command)
        return port

    def _ended(self, process: Any) -> bool:
        if process.poll() is not None:
            log = (self.folder / "log-app").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError("the server ended with %d:\n%s" % (process.returncode, log[-1500:]))
        return False

    def registered(self) -> List[int]:
        """The ports in the registry."""
        from meshrun.engines import open_engine

        found = open_engine(self.store).instances(None).instances.get("default/app", ())
        return [instance.port for instance in found if instance.alive]

    def tell(self, *, without: int = 0) -> None:
        """Give a bare client, or the proxy in front, its list; a client under meshrun has a name."""
        ports = [port for port in self.running if port != without]
        bases = ["http://127.0.0.1:%d" % port for port in ports]
        if self.front:
            self.front.serve(ports)
            bases = [self.front.url]
        elif CALLER in self.meshed:
            bases = ["http://app"]
        self.client.stdin.write((" ".join(bases) + "\n").encode())
        self.client.stdin.flush()

    def stop(self, port: int, *, group: bool) -> None:
        """Signal it and wait for its end; who is bare hears of it a second later."""
        process = self.running[port]
        (os.killpg if group else os.kill)(process.pid, signal.SIGTERM)
        if CALLER not in self.meshed:
            time.sleep(TOLD_SECONDS)
            if port in self._probes and status(self._probes[port], "/readiness") != 503:
                raise RuntimeError("it drains and says that it is ready")
            self.tell(without=port)
        until(lambda: process.poll() is not None, "the end of " + self.kind.command)
        del self.running[port]
        self.tell()

    def begin(self) -> None:
        """Give the client what it is to call, and wait for its first answer."""
        self.tell()
        self.client.stdout.readline()

    def result(self) -> List[List[Any]]:
        """End the client; its calls: number, when it began, seconds, error, answer."""
        answer, _ = self.client.communicate(timeout=BOUND_SECONDS)
        calls: List[List[Any]] = json.loads(answer.splitlines()[-1])
        return calls

    def executed(self) -> List[int]:
        """The numbers that the apps executed, as often as they did."""
        journal = self.folder / "journal"
        return [int(line.split()[1]) for line in journal.read_text(encoding="ascii").splitlines()]

    def keep(self, why: str) -> None:
        """Leave the folder with its logs, and why in it, when all of it ends."""
        (self.folder / "why").write_text(why, encoding="utf-8")

    def close(self) -> None:
        """End all of it."""
        for process in (*self.running.values(), self.client):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self.front:
            self.front.close()
        if not (self.folder / "why").exists():
            shutil.rmtree(str(self.folder), ignore_errors=True)


def status(port: int, path: str = "/") -> int:
    """How it answers; 0: not at all."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0


@contextlib.contextmanager
def under_load(kind: Kind, load: Load, *, count: int = 3, **how: Any) -> Iterator[Fleet]:
    """So many instances under load; `how` as for `Fleet`."""
    made = Fleet(kind, load, **how)
    try:
        for _ in range(count):
            made.start()
        made.begin()
        time.sleep(2)
        yield made
    except RuntimeError as error:
        made.keep(str(error))
        raise RuntimeError("%s (logs: %s)" % (error, made.folder)) from error
    finally:
        made.close()


def restarted(kind: Kind, load: Load, mode: str, restarts: int, **how: Any) -> Dict[str, Any]:
    """So many restarts in a mode; in the mode `control` as long a time without any. What came of it."""
    order, _, whom = mode.partition(" ")
    with under_load(kind, load, **how) as made:
        for _ in range(restarts):
            old = next(iter(made.running))
            if order == "control":
                time.sleep(4)
                continue
            if order == "surge":
                made.start()
                made.tell()
            made.stop(old, group=whom == "group")
            if order == "replace":
                made.start()
                made.tell()
            time.sleep(1)
        found = counted(made.result(), made.executed())
        if found["failures"]:
            made.keep(json.dumps(found["failures"], indent=1))
            found["folder"] = str(made.folder)
        return found


def counted(calls: Sequence[Sequence[Any]], executed: Sequence[int]) -> Dict[str, Any]:
    """Both sides of a run: the client's calls against what the apps executed."""
    failures = [list(call[:4]) for call in calls if call[3]]
    failed, done = {call[0] for call in failures}, set(executed)
    return {
        "sent": len(calls),
        "failed": len(failures),
        "idle_failed": sum(call[0] >= IDLE_FROM for call in failures),
        "failed_executed": len(failed & done),
        "answered_unexecuted": len({call[0] for call in calls} - failed - done),
        "twice": len(executed) - len(done),
        "slowest": max(call[2] for call in calls),
        "failures": failures,
    }
