"""Starts the real servers of the server contract, asks them, signals them, and looks at the registry meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import gunicorn  # type: ignore[import-untyped]

from meshrun.cli import admin
from meshrun.core.model import Instance
from meshrun.engines import open_engine
from tests.contract.mesh import ROOT, Mesh, mesh

BOUND_SECONDS = 100.0
"""gevent's loop may sleep through a signal for a minute, bare too: libev looks for one before it waits (rarely, once in
some 10,000 signals), and then waits for at most 59.7 s."""
RELEASE: str = gunicorn.__version__
MAJOR = int(RELEASE.partition(".")[0])
"""gunicorn's, and the first number of that."""
NO_CONTROL = ("--no-control-socket",) if MAJOR >= 25 else ()
"""gunicorn's newer masters have a thread and a socket of their own, which no test here is about."""
QUICK = "kind: Lifecycle\nname: web\nservice: web\ndrain: {seconds: 30, quiet: 0.2, min: 0}\n"
"""Drains as long as there is a request in flight, and little longer."""
LONG = "kind: Lifecycle\nname: web\nservice: web\ndrain: {seconds: 600, quiet: 600, min: 600}\n"
"""Drains until something else ends it."""
WAITS = "kind: Lifecycle\nname: web\nservice: web\ndrain: {seconds: 600, quiet: 0.2, min: 0}\n"
"""Drains as long as there is a request in flight; whoever waits for its deadline has failed."""


def until(holds: Callable[[], Any], why: Callable[[], str] = lambda: "") -> Any:
    """Wait for a true answer, for at most a generous bound."""
    end = time.monotonic() + BOUND_SECONDS
    while True:
        answer = holds()
        if answer:
            return answer
        assert time.monotonic() < end, why()
        time.sleep(0.02)


class Reply(NamedTuple):
    """One response; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str


class Running:
    """One server process, with what the test needs to look at it.

    `command` begins with the path of an interpreter, or goes to the one that runs the tests.
    """

    def __init__(self, folder: Path, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.gates = Path(environ["CONTRACT_FOLDER"])
        self.log = folder / ("log-%d" % len(list(folder.iterdir())))
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                list(command) if command[0].startswith(os.sep) else [sys.executable, *command], cwd=str(ROOT),
                env=dict(environ), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def said(self) -> str:
        """What the process wrote."""
        return self.log.read_text(errors="replace")

    def stacks(self) -> str:
        """What it wrote, and where each of its threads stands; ends it."""
        self.process.send_signal(signal.SIGABRT)
        self.process.wait(BOUND_SECONDS)
        return self.said()

    @property
    def port(self) -> int:
        """The port, as the server says it."""
        found: Any = until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", self.said()) or self.ended(), self.said)
        return int(found.group(1))

    def ended(self) -> bool:
        """Never: raises when the process is gone."""
        assert self.process.poll() is None, self.said()
        return False

    def connect(self) -> http.client.HTTPConnection:
        """A connection that keeps alive."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=BOUND_SECONDS)
        until(lambda: self._connects(connection), self.said)
        return connection

    def _connects(self, connection: http.client.HTTPConnection) -> bool:
        self.ended()
        try:
            connection.connect()
        except ConnectionRefusedError:
            return False
        return True

    def get(self, path: str, headers: Optional[Mapping[str, str]] = None) -> Reply:
        """A request on a connection of its own."""
        with contextlib.closing(self.connect()) as connection:
            return ask(connection, path, headers)

    def raw(self, path: str, headers: Mapping[str, str]) -> bytes:
        """The bytes of an answer on a connection of its own, without the value of ``Date``."""
        lines = ["GET %s HTTP/1.1" % path, "Host: web", "Connection: close", *map("%s: %s".__mod__, headers.items())]
        with contextlib.closing(self.connect()) as connection:
            connection.sock.sendall("\r\n".join([*lines, "", ""]).encode())
            data = rest(connection.sock)
        return re.sub(rb"(?i)(\r\ndate: )[^\r]*", rb"\1-", data)

    def websocket(self, headers: Mapping[str, str], until: bytes) -> bytes:
        """What the server sends on a WebSocket, its answer to the handshake first, up to some bytes."""
        with contextlib.closing(self.upgrade(headers)) as connection:
            return self.read(connection.sock, until)

    def upgrade(self, headers: Mapping[str, str]) -> http.client.HTTPConnection:
        """A connection that asks for a WebSocket; the answer is not read yet."""
        handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", **headers}
        lines = ["GET /ws HTTP/1.1", "Host: web", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
        lines += map("%s: %s".__mod__, handshake.items())
        connection = self.connect()
        connection.sock.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection

    def read(self, sock: socket.socket, until: bytes) -> bytes:
        """What arrives on a socket, up to some bytes."""
        data = b""
        while until not in data:
            block = sock.recv(65536)
            assert block, "%r, and then the end: %s" % (data, self.said())
            data += block
        return data

    def hold(self, gate: str, headers: Optional[Mapping[str, str]] = None) -> http.client.HTTPConnection:
        """A request that is in flight until the test opens its gate."""
        connection = self.connect()
        connection.request("GET", "/hold?gate=" + gate, headers=dict(headers or {}))
        until(lambda: self.noted(gate + ".begun") is not None, self.said)
        return connection

    def open(self, gate: str) -> None:
        """Open a gate."""
        (self.gates / gate).touch()

    def noted(self, name: str) -> Optional[str]:
        """What the app noted under a name; None: nothing yet."""
        path = self.gates / name
        return path.read_text() if path.exists() else None

    def status(self) -> Mapping[str, Any]:
        """What any process of the instance says of it; empty: nobody answers yet."""
        found = (self.folder / "state").glob("*.sock")
        for _, answer in admin.ask_all([str(path) for path in found], "GET", "/status"):
            if answer.body is not None:
                return answer.body
        return {}

    def offline(self) -> None:
        """``POST /offline`` to any process of the instance."""
        found = [str(path) for path in (self.folder / "state").glob("*.sock")]
        assert admin.ask_all(found[:1], "POST", "/offline")

    def kill(self, signum: int, *, group: bool = False) -> None:
        """Signal the root, or the whole process group at once."""
        if group:
            os.killpg(self.process.pid, signum)
        else:
            self.process.send_signal(signum)

    def drain(self, *, group: bool = False) -> None:
        """Stop it, and wait until it says that it drains."""
        self.kill(signal.SIGTERM, group=group)
        until(self.drains, lambda: "%s, %s: %s" % (self.process.poll(), self.status(), self.stacks()))

    def drains(self) -> bool:
        """Whether it says that it drains."""
        return bool(self.status().get("draining"))

    def exit_code(self) -> int:
        """Wait for the end."""
        try:
            return self.process.wait(BOUND_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError("it runs on: " + self.said()) from None

    def end(self) -> None:
        """End it and what it started, whatever its state."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(BOUND_SECONDS)


def ask(connection: http.client.HTTPConnection, path: str, headers: Optional[Mapping[str, str]] = None) -> Reply:
    """One request on a connection that may live on."""
    connection.request("GET", path, headers=dict(headers or {}))
    return answer(connection)


def answer(connection: http.client.HTTPConnection) -> Reply:
    """The response to a request that was sent."""
    response = connection.getresponse()
    body = response.read().decode()
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def rest(sock: socket.socket) -> bytes:
    """What still arrives on a socket, to the end of the connection."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


class Stage:
    """A store, a state folder, and the servers that a test starts."""

    def __init__(self, folder: Path, made: Mesh, command: Sequence[str]) -> None:
        self.folder = folder
        self.mesh = made
        self.command = command
        self.running: List[Running] = []
        self._engine = open_engine(made.url)

    def start(self, *more: str, bare: bool = False, command: Optional[Sequence[str]] = None, **environ: str) -> Running:
        """Start the server; `more` are arguments, `environ` settings of ours or, in lower case, of the app."""
        gates = self.folder / ("gates-%d" % len(self.running))
        gates.mkdir()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MESHRUN_", "PYTHON", "GUNICORN", "WEB_"))}
        kept.update(CONTRACT_FOLDER=str(gates), PYTHONUNBUFFERED="1", PYTHONFAULTHANDLER="1")
        if not bare:
            ours = {"ENABLED": "1", "SERVICE": "web", "STORE": self.mesh.url, "STATE_DIR": str(self.folder / "state")}
            ours.update({name: value for name, value in environ.items() if name.isupper()})
            kept.update({"MESHRUN_" + name: value for name, value in ours.items()})
            kept["PYTHONPATH"] = str(ROOT / "sitecustomize")
        kept.update({name.upper(): value for name, value in environ.items() if name.islower()})
        started = Running(self.folder, [*(command or self.command), *more], kept)
        self.running.append(started)
        return started

    def rule(self, text: str) -> None:
        """Set the Lifecycle of the service."""
        self.mesh.rules(("Lifecycle/default/web", text))

    def records(self) -> Tuple[Instance, ...]:
        """The living instances in the registry."""
        found = self._engine.instances(None).instances
        return tuple(instance for instance in found.get("default/web", ()) if instance.alive)

    def registered(self, running: Running) -> Instance:
        """Wait for the one record."""
        until(lambda: self.records() or running.ended(), lambda: "%s %s" % (running.status(), running.stacks()))
        (record,) = self.records()
        assert record.port == running.port
        return record

    def end(self) -> None:
        """End all servers."""
        for running in self.running:
            running.end()


@contextlib.contextmanager
def stage(command: Sequence[str]) -> Iterator[Stage]:
    """A stage with the quick rule. Its folder has a short name: paths of Unix sockets have at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="mr-") as name, mesh(Path(name)) as made:
        on = Stage(Path(name), made, command)
        on.rule(QUICK)
        try:
            yield on
        finally:
            on.end()
