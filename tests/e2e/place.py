"""A place for fault tests: a store, a state folder, and programs of the test's own, under meshrun or bare."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import pytest

from meshrun.cli import admin
from meshrun.cli.main import main
from meshrun.core.model import Instance
from meshrun.engines import open_engine
from tests.contract.mesh import ROOT, Mesh
from tests.contract.running import until

APPS = Path(__file__).resolve().parent / "apps"
BOUND_SECONDS = 60
_LEAVE = ("MESHRUN_", "PYTHON", "COVERAGE", "OTEL_", "XDG_", "GUNICORN", "WEB_CONCURRENCY")


class Done(NamedTuple):
    """A program that ended."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> List[str]:
        """Our own lines on stderr."""
        return [line for line in self.err.splitlines() if line.startswith("meshrun: ")]


class Program:
    """A program that runs."""

    def __init__(self, command: Sequence[str], folder: Path, environ: Dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as err:
            self.process = subprocess.Popen(
                list(command), cwd=str(folder), env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=err, text=True, bufsize=1, start_new_session=True,
            )  # fmt: skip

    def tell(self, line: str) -> str:
        """Write a line to it and read the line that it answers."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        return self.line()

    def line(self) -> str:
        """The next line that it writes."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said()
        return line.rstrip("\n")

    def port(self) -> int:
        """The port that it listens on, as soon as it does; of several, the lowest."""
        return int(min(until(lambda: self._ports() or self._ended(), self.said)))

    def _ports(self) -> List[int]:
        inodes = set()
        with contextlib.suppress(OSError):
            for path in Path("/proc/%d/fd" % self.process.pid).iterdir():
                with contextlib.suppress(OSError):
                    inodes.add(os.readlink(path))
        rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        return [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and "socket:[%s]" % row[9] in inodes]

    def _ended(self) -> bool:
        assert self.process.poll() is None, self.said()
        return False

    def said(self) -> str:
        """What it wrote on stderr so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ours(self) -> List[str]:
        """Our own lines on its stderr so far."""
        return [line for line in self.said().splitlines() if line.startswith("meshrun: ")]

    def end(self) -> int:
        """Close its input and wait; its exit status."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        return self.process.wait(BOUND_SECONDS)

    def stop(self) -> None:
        """End it and what it started, whatever its state."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(BOUND_SECONDS)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Place:
    """What one test works with. `mesh` holds the store and its plain servers."""

    def __init__(self, folder: Path, mesh: Mesh) -> None:
        self.folder = folder
        self.mesh = mesh
        self.state = folder / "state"
        self.engine = open_engine(mesh.url)
        self._programs: List[Program] = []

    def environ(self, *, bare: bool = False, **settings: str) -> Dict[str, str]:
        """The environment of a program: under meshrun, unless `bare`. `settings`: names without prefix, or, in lower
        case, variables of any other name."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEAVE)}
        kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
        kept.update(PYTHONUNBUFFERED="1", HOME=str(self.folder))
        kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
        kept.update({name.upper(): value for name, value in settings.items() if name.islower()})
        if not bare:
            ours = {"ENABLED": "1", "STORE": self.mesh.url, "STATE_DIR": str(self.state)}
            ours.update({name: value for name, value in settings.items() if name.isupper()})
            kept.update({"MESHRUN_" + name: value for name, value in ours.items()})
            kept["PYTHONPATH"] = str(ROOT / "sitecustomize")
        return kept

    def script(self, text: str, name: str = "app.py") -> str:
        """Write a program into the folder; its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def run(self, *words: str, prefix: Sequence[str] = (), bare: bool = False, **settings: str) -> Done:
        """Run Python with these arguments to its end; `prefix` stands before the interpreter."""
        done = subprocess.run(
            [*prefix, sys.executable, *words], cwd=str(self.folder), env=self.environ(bare=bare, **settings),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def start(
        self, *words: str, prefix: Sequence[str] = (), bare: bool = False, python: str = sys.executable, **settings: str
    ) -> Program:
        """Start Python with these arguments; it ends with the test at the latest. `python`: another program instead."""
        log = self.folder / ("log-%d" % len(self._programs))
        command = [*prefix, python, *words]
        program = Program(command, self.folder, self.environ(bare=bare, **settings), log)
        self._programs.append(program)
        return program

    def meshctl(self, *words: str, status: int = 0) -> str:
        """An operator's command, with the exit status that it must have; what it printed, on one line."""
        out, err = io.StringIO(), io.StringIO()
        environ = {name.upper(): value for name, value in self.operator().items()}
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            found = main(words, environ)
        assert found == status, out.getvalue() + err.getvalue()
        return " ".join(out.getvalue().split())

    def operator(self) -> Dict[str, str]:
        """The settings of an operator's shell."""
        return {"meshrun_store": self.mesh.url, "meshrun_state_dir": str(self.state), "pythonpath": str(ROOT / "agent")}

    def records(self, service: str = "web") -> Sequence[Instance]:
        """The living instances of a service in the registry."""
        found = self.engine.instances(None).instances
        return [instance for instance in found.get("default/" + service, ()) if instance.alive]

    def registered(self, program: Program, service: str = "web", number: int = 1) -> Sequence[Instance]:
        """Wait until the service has so many living instances."""
        until(lambda: len(self.records(service)) == number, program.said)
        return self.records(service)

    def rule_file(self, name: str) -> Path:
        """A file in the folder of rules."""
        folder = self.folder / "store" / "rules"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def end(self) -> None:
        """End all programs."""
        for program in self._programs:
            program.stop()


@contextlib.contextmanager
def opened() -> Iterator[Place]:
    """A place for as long as the block runs, in a folder that any user may enter."""
    with tempfile.TemporaryDirectory(prefix="mr-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        mesh = Mesh(folder)
        made = Place(folder, mesh)
        try:
            yield made
        finally:
            made.end()
            mesh.close()


def unprivileged() -> Sequence[str]:
    """What stands before a command so that modes of files bind it; it may read everything, as the interpreter may lie
    where only root looks. The test is skipped where that cannot be had."""
    if os.geteuid():
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root ignores the modes of files, and there is no setpriv")
    may = "+dac_read_search"
    return (
        setpriv, "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups", "--inh-caps=" + may,
        "--ambient-caps=" + may,
    )  # fmt: skip


NOBODY = 65534


def give(path: Path) -> None:
    """Let the user of `unprivileged` own a folder."""
    path.mkdir(exist_ok=True)
    if not os.geteuid():
        os.chown(path, NOBODY, NOBODY)


def exchange(port: int, data: bytes) -> bytes:
    """Send bytes on a connection of its own; everything that comes back until the other side closes, without the
    value of ``Date``. A reset, as of a server that does not read all it was sent, ends it too."""
    with socket.create_connection(("127.0.0.1", port), timeout=BOUND_SECONDS) as sock:
        answer = b""
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
        with contextlib.suppress(ConnectionError):
            while True:
                block = sock.recv(65536)
                if not block:
                    break
                answer += block
    return re.sub(rb"(?i)(\r\ndate: )[^\r]*", rb"\1-", answer)


def status_of(place: Place, program: Optional[Program] = None) -> Dict[str, Any]:
    """What a process under meshrun says of itself; empty: nobody answers yet. Without `program`: any process."""
    name = "*.sock" if program is None else "%d.sock" % program.process.pid
    for _, answer in admin.ask_all([str(path) for path in place.state.glob(name)], "GET", "/status"):
        if answer.body is not None:
            return dict(answer.body)
    return {}
