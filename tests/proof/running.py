"""Runs a program bare, bare again, and under meshrun, each time in the same folder, and observes it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import MappingProxyType
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from tests.contract.running import until
from tests.contract.servers import Echo
from tests.e2e.place import exchange

from . import observed, passes

HERE = Path(__file__).resolve().parent
WITNESS = HERE / "apps" / "witness"
APPS = HERE / "apps"
MAX_SECONDS = 120.0
LEFT_SECONDS = 10.0


class Program(NamedTuple):
    """What is run. `words`: the command, in which ``{apps}`` and ``{port}`` (of the server that the program may
    call) are filled in, ``python`` being this interpreter and ``bin/…`` a script beside it; `calls`: it uses a hooked
    library; `variables`: of its environment; `given`: its standard input; `drive`: what a user of a server does with
    it, until it ends."""

    words: Sequence[str]
    calls: bool = False
    variables: Mapping[str, str] = MappingProxyType({})
    given: str = ""
    drive: Optional[Callable[[Server], None]] = None


class Server:
    """A program that runs, and what it answers."""

    def __init__(self, process: subprocess.Popen[bytes], said: Sequence[Path]) -> None:
        self.process = process
        self.answers: List[bytes] = []
        self._said = said
        self._port = 0

    def said(self) -> str:
        """What it wrote so far."""
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in self._said)

    @property
    def port(self) -> int:
        """The port that it says it listens on."""
        if not self._port:  # later lines name ports of its clients
            found: re.Match[str] = until(lambda: _LISTENS.search(self.said()) or self._ended(), self.said)
            self._port = int(found.group(1))
        return self._port

    def _ended(self) -> bool:
        assert self.process.poll() is None, self.said()
        return False

    def ask(self, *requests: bytes) -> None:
        """Send bytes on connections of their own; what comes back is compared."""
        for request in requests:
            self.answers.append(exchange(self.port, request))

    def end(self, number: int = signal.SIGTERM) -> None:
        """Signal it and wait until it is gone."""
        self.process.send_signal(number)
        self.process.wait(MAX_SECONDS)


_LISTENS = re.compile(r"(?:127\.0\.0\.1:|127\.0\.0\.1 port )([1-9]\d*)")


class Proof:
    """Runs programs for one test, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def differences(self, program: Program) -> Dict[str, observed.Difference]:
        """What meshrun changes: plain, and with a lane and rules in force."""
        bare = {**passes.environ((WITNESS,)), **program.variables}
        runs = [self._run(program, bare) for _ in range(2)]
        found = {}
        for name in (passes.PLAIN, passes.LANE):
            place = self._folder / name
            shutil.rmtree(str(place), ignore_errors=True)
            place.mkdir()
            under = passes.under(bare, passes.settings(name, place))
            found[name] = observed.difference(runs, self._run(program, under), program.calls)
        return found

    def _run(self, program: Program, environ: Mapping[str, str]) -> observed.Facts:
        work, looks = self._folder / "work", self._folder / "looks"
        for place in (work, looks):
            shutil.rmtree(str(place), ignore_errors=True)
            place.mkdir()
        environ = dict(environ, HOME=str(work), PROOF_WITNESS=str(looks))
        echo = Echo("proof")
        try:
            facts = self._ended(program, environ, work, echo.port)
        finally:
            echo.stop()
        for number, seen in enumerate(echo.seen):
            facts["wire:%d" % number] = "%d %r %r" % (seen.connection, seen.head, seen.body)
        facts["left"] = " ".join(sorted(path.name for path in work.iterdir() if path.name != "__pycache__"))
        # Each run calls a server of its own, whose port says nothing of the program.
        port = re.compile(r"\b%d\b" % echo.port)
        facts = {fact: port.sub("PORT", value) for fact, value in facts.items()}
        seen_in = observed.processes(looks).items()
        facts.update((port.sub("PORT", fact), port.sub("PORT", value)) for fact, value in seen_in)
        return facts

    def _ended(self, program: Program, environ: Mapping[str, str], work: Path, port: int) -> Dict[str, str]:
        """Run it to its end."""
        names = {"apps": str(APPS), "port": str(port)}
        words = [word.format(**names) for word in program.words]
        words[0] = (
            sys.executable if words[0] == "python" else str(Path(sys.executable).with_name(words[0][len("bin/") :]))
        )
        out, err = self._folder / "stdout", self._folder / "stderr"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                words, cwd=str(work), env=dict(environ), stdin=subprocess.PIPE, stdout=stdout, stderr=stderr,
                start_new_session=True,
            )  # fmt: skip
            server = Server(process, (out, err))
            try:
                if program.drive is not None:
                    program.drive(server)
                if process.returncode is None:
                    process.communicate(program.given.encode(), timeout=MAX_SECONDS)
            finally:
                _end(process)
        facts = {"status": str(process.returncode)}
        for name, path in (("stdout", out), ("stderr", err)):
            text = path.read_text(encoding="utf-8", errors="replace")
            facts.update(observed.lines(name, observed.without_own_frames(text)))
        facts.update({"answer:%d" % number: repr(answer) for number, answer in enumerate(server.answers)})
        return facts


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let what the program has started come to its own end, for some seconds; end what is left then."""
    bound = time.monotonic() + LEFT_SECONDS
    try:
        while process.returncode is not None and time.monotonic() < bound:
            os.killpg(process.pid, 0)
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(MAX_SECONDS)
