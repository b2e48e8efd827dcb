"""Runs ``meshctl`` in this process against a store and processes of the test's own."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional

import pytest

from meshrun import engines
from meshrun.cli.main import main
from meshrun.core.model import Instance, service_key


class Run(NamedTuple):
    """What one call of ``meshctl`` did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Meshctl:
    """``meshctl`` on a file store in a folder of the test's own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        self.store = "file:%s" % (folder / "store")
        self.environ: Dict[str, str] = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
        self._capsys = capsys

    def __call__(self, *words: str, store: Optional[str] = None, here: bool = True) -> Run:
        place = ["--store", store or self.store] if here else []
        state = ["--state-dir", str(self.state)] if here else []
        self._capsys.readouterr()
        status = main([*words, *place, *state], self.environ)
        return Run(status, *self._capsys.readouterr())

    def apply(self, text: str, *words: str) -> Run:
        path = self.folder / "given.yaml"
        path.write_text(text, encoding="utf-8")
        return self("rules", "apply", "-f", str(path), *words)

    def rule_text(self) -> str:
        """All rule files of the store, one after the other."""
        files = sorted((self.folder / "store" / "rules").glob("*.yaml"))
        return "".join(path.read_text(encoding="utf-8") for path in files)

    def instance(self, service: str, port: int, namespace: str = "default", **more: Any) -> Instance:
        tags = more.pop("tags", {})
        key = service_key(service, namespace)
        made = Instance("%s-%d" % (service, port), key, "127.0.0.1", port, tags=tags, started=1.0, **more)
        engine = engines.open_engine(self.store)
        try:
            return engine.register(made, 600.0)
        finally:
            engine.close()


class FakeProcess:
    """An admin socket that answers with given JSON, or with given bytes."""

    def __init__(self, folder: Path, pid: int, answer: Any) -> None:
        self.path = folder / ("%d.sock" % pid)
        self.answer = answer
        self.asked: List[str] = []
        here = os.open(str(folder), os.O_RDONLY)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind("/proc/self/fd/%d/%d.sock" % (here, pid))
        os.close(here)
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(65536).split(b"\r\n", 1)[0].decode())
                body: bytes = self.answer if isinstance(self.answer, bytes) else self._body()
                connection.sendall(body)

    def _body(self) -> bytes:
        value = {"draining": True} if self.asked[-1].startswith("POST /offline") else self.answer
        data = json.dumps(value).encode()
        return b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


class Processes:
    """Makes fake processes in the state folder of the test."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder, self.store = folder, store
        self.made: List[FakeProcess] = []

    def __call__(self, pid: int, answer: Any = None, **status: Any) -> FakeProcess:
        made = FakeProcess(self.folder, pid, self.status(pid, **status) if answer is None else answer)
        self.made.append(made)
        return made

    def status(self, pid: int, **more: Any) -> Mapping[str, Any]:
        usual: Dict[str, Any] = {
            "pid": pid,
            "service": "web",
            "namespace": "default",
            "mode": "enforce",
            "rules_version": 0,
            "inflight": 0,
            "draining": False,
            "registered": True,
            "reason": None,
            "listeners": [{"address": "127.0.0.1", "port": 8000, "protocol": "http"}],
            "store": self.store,
            "store_origin": "environment",
            "not_mesh": [],
            "hooks": {"urllib3": "applied 2.8.0"},
            "errors": {},
            "command": "python app.py",
        }
        return {**usual, **more}


@pytest.fixture
def meshctl(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Meshctl:
    monkeypatch.delenv("COLUMNS", raising=False)
    return Meshctl(tmp_path, capsys)


@pytest.fixture
def process(meshctl: Meshctl) -> Iterator[Processes]:
    processes = Processes(meshctl.state, meshctl.store)
    yield processes
    for made in processes.made:
        made.close()
