"""Starts, finds, stops and kills the demo's instances: plain commands under `meshrun`, nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

APPS = Path(__file__).resolve().parent / "apps"
BIN = Path(sys.executable).parent
SERVERS: Dict[str, List[str]] = {
    "web": ["gunicorn", "-k", "gthread", "--threads", "8", "-b", "127.0.0.1:0", "--log-level", "warning", "web:app"],
    "orders": ["uvicorn", "--host", "127.0.0.1", "--port", "0", "--log-level", "warning", "orders:app"],
    "stock": ["python", "stock.py"],
}


SEEN_SECONDS = 1.0
"""Every process sees a change of the store within a second."""


class DemoError(RuntimeError):
    """Something did not come up; the message says what and shows the end of its log."""


class Running(NamedTuple):
    """One instance of a service."""

    service: str
    version: str
    process: subprocess.Popen[bytes]
    log: Path


class Fleet:
    """All processes of one demo, in one folder of state; `close` leaves nothing running."""

    def __init__(self, folder: Path, apps: Path = APPS) -> None:
        self.folder = folder
        self.apps = apps
        self.store = "file:%s" % (folder / "store")
        self.running: List[Running] = []
        self._clients: List[subprocess.Popen[str]] = []
        self._number = 0

    def environment(self, **more: str) -> Dict[str, str]:
        """What every process gets: where rules and instances live, and who it is."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MESHRUN_")}
        state = str(self.folder / "state")
        clean.update(MESHRUN_STORE=self.store, MESHRUN_STATE_DIR=state, MESHRUN_DRAIN_SECONDS="6", **more)
        clean["PATH"] = "%s%s%s" % (BIN, os.pathsep, clean.get("PATH", ""))
        clean["PYTHONUNBUFFERED"] = "1"
        return clean

    def start(self, service: str, version: str = "baseline", **settings: str) -> Running:
        """Start one instance; `settled` waits until it is registered. A version but the baseline is a lane, unless
        `settings` (environment variables) say what it is."""
        self._number += 1
        log = self.folder / ("%s-%s-%d.log" % (service, version, self._number))
        environ = self.environment(MESHRUN_SERVICE=service, APP_VERSION=version, **settings)
        if version != "baseline" and "MESHRUN_TAGS" not in settings:
            environ["MESHRUN_LANE"] = version
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(BIN / "meshrun"), *SERVERS[service]], cwd=str(self.apps), env=environ, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        instance = Running(service, version, process, log)
        self.running.append(instance)
        return instance

    def meshctl(self, *words: str) -> str:
        """Run an operator's command; its output."""
        done = subprocess.run(
            [str(BIN / "meshctl"), *words], env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):
            raise DemoError("meshctl %s failed:\n%s%s" % (" ".join(words), done.stdout, done.stderr))
        return done.stdout

    def instances(self) -> List[Dict[str, Any]]:
        """What `meshctl status` shows."""
        found: List[Dict[str, Any]] = json.loads(self.meshctl("status", "-o", "json"))["instances"]
        return found

    def settled(self, seconds: float = 60.0) -> None:
        """Wait until as many instances are registered and ready as run, and callers had the time to see them."""
        wanted = sorted(i.service for i in self.running)
        until = time.monotonic() + seconds
        while True:
            dead = [i for i in self.running if i.process.poll() is not None]
            if dead:
                raise DemoError("%s %s ended at once:\n%s" % (dead[0].service, dead[0].version, tail(dead[0].log)))
            seen = [i["service"] for i in self.instances() if i["state"] == "ready"]
            if sorted(seen) == wanted:
                time.sleep(SEEN_SECONDS)
                return
            if time.monotonic() > until:
                logs = "\n".join(tail(i.log) for i in self.running)
                raise DemoError("expected %s, registered are %s\n%s" % (wanted, sorted(seen), logs))
            time.sleep(0.2)

    def stop(self, instance: Running, seconds: float = 60.0) -> int:
        """SIGTERM to the root, as an init system or a platform does it; its exit status."""
        self.running.remove(instance)
        instance.process.terminate()
        return instance.process.wait(seconds)

    def kill(self, instance: Running) -> float:
        """SIGKILL to the whole instance; the moment (epoch seconds)."""
        self.running.remove(instance)
        now = time.time()
        os.killpg(instance.process.pid, signal.SIGKILL)
        instance.process.wait()
        return now

    def find(self, service: str, version: str = "baseline") -> Running:
        """The oldest running instance of a service and version."""
        return next(i for i in self.running if i.service == service and i.version == version)

    def client(self, count: int, threads: int, headers: Sequence[str] = ()) -> subprocess.Popen[str]:
        """The plain client, under meshrun like every service. `count` 0: until `result` ends it."""
        self._number += 1
        with (self.folder / ("client-%d.log" % self._number)).open("wb") as log:
            client = self._start_client([str(count), str(threads), *headers], log)
        self._clients.append(client)
        if not count and client.stdout is not None:
            client.stdout.readline()
        return client

    def _start_client(self, words: Sequence[str], log: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(BIN / "meshrun"), "python", "client.py", *words], cwd=str(self.apps), env=self.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
        )  # fmt: skip

    def close(self) -> None:
        """End everything that still runs: politely, then not."""
        processes: List[Any] = [i.process for i in self.running] + self._clients
        alive = [p for p in processes if p.poll() is None]
        for sent in (signal.SIGINT, signal.SIGKILL):
            for process in alive:
                if process.poll() is None:
                    _signal_group(process.pid, sent)
            until = time.monotonic() + 5
            while time.monotonic() < until and any(p.poll() is None for p in alive):
                time.sleep(0.05)
        for process in alive:
            _signal_group(process.pid, signal.SIGKILL)
        self.running = []


def result(client: subprocess.Popen[str], seconds: float = 120.0) -> Dict[str, Any]:
    """Let the client end and read what it counted."""
    out, _ = client.communicate(timeout=seconds)
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if not lines:
        raise DemoError("the client printed no result:\n" + out)
    found: Dict[str, Any] = json.loads(lines[-1])
    return found


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, under its name."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:] if log.exists() else []
    return "--- %s\n%s" % (log.name, "\n".join(text))


def _signal_group(pid: int, number: int) -> Optional[bool]:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return None
    return True
