"""meshrun beside other agents, the real ones, each launched by its own launcher in front of ours and behind it.

What is compared with "bare" is the same program under that agent alone. The app writes ``http://localhost:PORT``, which
means the service ``orders`` in the mesh and leads to a plain server bare, so names must be the same in both.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import pytest

from meshrun.cli import admin
from tests.compat.environments import needed
from tests.contract.mesh import ROOT, Mesh, mesh
from tests.contract.neighbours import AGENTS, LAUNCHERS, REQUIREMENTS, Agent, Span
from tests.contract.running import BOUND_SECONDS, until
from tests.contract.servers import Seen

pytestmark = [
    pytest.mark.slow,
    pytest.mark.once,
    pytest.mark.skipif(sys.version_info < (3, 10), reason="these agents have no releases for it"),
]

SERVERS = {
    "gunicorn": ("-b", "127.0.0.1:0", "--no-control-socket", "tests.contract.apps.neighbour:flask_app"),
    "uvicorn": ("--port", "0", "tests.contract.apps.neighbour:fastapi_app"),
}
STOPS = {"gunicorn": signal.SIGTERM, "uvicorn": signal.SIGINT}
"""The signal after which the program runs its exit functions, where agents send what they still hold."""
KINDS = ("requests", "urllib3", "httpx", "aiohttp", "async_httpx")
COLOUR = {"X-Polaris-Metadata-Transitive-lane": "gray", "baggage": "other=1"}
PLAIN = {"baggage": "other=1"}
ASKS = [("/%s/%d" % (kind, n), headers) for kind in KINDS for n, headers in enumerate((COLOUR, PLAIN, COLOUR))]


class Went(NamedTuple):
    """What a run came to."""

    spans: List[Span]
    base: List[Seen]
    gray: List[Seen]
    status: Mapping[str, object]
    said: str


class Stage:
    """The mesh, and the runs in it."""

    def __init__(self, folder: Path, made: Mesh, python: str) -> None:
        self._folder = folder
        self._mesh = made
        self._bin = Path(python).parent
        [self._base] = made.service("orders", 1)
        [self._gray] = made.service("orders", 1, {"lane": "gray"})
        made.alias("localhost:%d" % self._base.port, "orders")
        self._bare: Dict[Tuple[str, str], Went] = {}

    def bare(self, name: str, server: str) -> Went:
        """The program under that agent alone."""
        if (name, server) not in self._bare:
            self._bare[name, server] = self.run(name, server, LAUNCHERS[name])
        return self._bare[name, server]

    def run(self, name: str, server: str, launcher: Sequence[str], **settings: str) -> Went:
        """Start the server behind these launchers, ask it everything, end it."""
        for one in (self._base, self._gray):
            one.seen.clear()
        with tempfile.TemporaryDirectory(prefix="mr-") as name_of_folder:
            folder = Path(name_of_folder)
            agent = AGENTS[name](folder)
            try:
                status = self._serve(agent, server, launcher, settings)
                said = (folder / "err").read_text(encoding="utf-8")
                return Went(agent.calls(), list(self._base.seen), list(self._gray.seen), status, said)
            finally:
                agent.close()

    def _serve(
        self, agent: Agent, server: str, launcher: Sequence[str], settings: Mapping[str, str]
    ) -> Mapping[str, object]:
        out, err = (agent.folder / name for name in ("out", "err"))
        command = [*launcher, str(self._bin / server), *SERVERS[server]]
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                command, cwd=str(ROOT), env=self._environ(agent, settings), stdin=subprocess.DEVNULL, stdout=to_out,
                stderr=to_err, start_new_session=True, executable=str(self._bin / launcher[0]),
            )  # fmt: skip
        try:
            ports = until(
                lambda: re.search(r"http://127\.0\.0\.1:(\d+)", err.read_text(errors="replace")) or _gone(process, err),
                lambda: err.read_text(errors="replace"),
            )
            for path, headers in ASKS:
                _ask(int(ports.group(1)), path, headers, err)
            status = _look(agent.folder / "state")
            process.send_signal(STOPS[server])
            process.wait(BOUND_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(BOUND_SECONDS)
        return status

    def _environ(self, agent: Agent, settings: Mapping[str, str]) -> Dict[str, str]:
        leave = ("MESHRUN_", "PYTHON", "COVERAGE", "OTEL_", "DD_", "NEW_RELIC_", "GUNICORN", "WEB_CONCURRENCY")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(leave)}
        kept = {key: value for key, value in kept.items() if not key.lower().endswith("_proxy")}
        return dict(
            kept,
            PATH=os.pathsep.join([str(self._bin), os.environ.get("PATH", os.defpath)]),
            PYTHONUNBUFFERED="1",
            TARGET="http://localhost:%d" % self._base.port,
            MESHRUN_STORE=self._mesh.url,
            MESHRUN_STATE_DIR=str(agent.folder / "state"),
            MESHRUN_SERVICE="web",
            MESHRUN_DRAIN_SECONDS="0",
            **agent.environ(),
            **settings,
        )


def _gone(process: subprocess.Popen[bytes], err: Path) -> bool:
    assert process.poll() is None, err.read_text(errors="replace")
    return False


def _ask(port: int, path: str, headers: Mapping[str, str], err: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=BOUND_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        assert response.status == 200, err.read_text(errors="replace")
        response.read()


def _look(state: Path) -> Mapping[str, object]:
    """What the processes say by their admin sockets, asked often: control traffic is nobody's call."""
    found: Dict[str, object] = {}
    for path in ("/status", "/metrics", "/health", "/readiness", "/status"):
        for _, answer in admin.ask_all([str(socket) for socket in state.glob("*.sock")], "GET", path):
            if answer.body is not None and path == "/status":
                found.update(answer.body)
    return found


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One mesh for all of them; the environment is made by the first run."""
    python = needed("neighbours", sys.executable, REQUIREMENTS)
    with tempfile.TemporaryDirectory(prefix="mr-") as name, mesh(Path(name)) as made:
        yield Stage(Path(name), made, python)


def _chain(order: str, launcher: Sequence[str]) -> Sequence[str]:
    return ("meshrun", *launcher) if order == "before" else (*launcher, "meshrun")


@pytest.fixture(scope="module", params=["before", "behind"])
def order(request: pytest.FixtureRequest) -> str:
    """Where `meshrun` stands on the command line."""
    return str(request.param)


@pytest.mark.parametrize("server", sorted(SERVERS))
@pytest.mark.parametrize("name", sorted(AGENTS))
def test_both_work_in_either_order(stage: Stage, name: str, server: str, order: str) -> None:
    bare = stage.bare(name, server)
    went = stage.run(name, server, _chain(order, LAUNCHERS[name]))
    assert [len(bare.base), len(bare.gray)] == [len(ASKS), 0]
    _colour_arrives_once(went, carried=name != "newrelic")
    _headers_of_the_agent_are_those_of_bare(went, bare)
    _one_span_per_call(went.spans, bare.spans)
    assert "meshrun:" not in went.said, went.said
    assert went.status, went.said


def _colour_arrives_once(went: Went, *, carried: bool) -> None:
    wanted = [(path, headers is COLOUR) for path, headers in ASKS]
    assert [seen.target for seen in went.gray] == [path for path, coloured in wanted if coloured]
    assert [seen.target for seen in went.base] == [path for path, coloured in wanted if not coloured]
    for seen in went.gray:
        [baggage] = seen.header("baggage")
        assert sorted(baggage.split(",")) == ["lane=gray", "other=1"] if carried else ["lane=gray"]
        assert seen.header("x-polaris-metadata-transitive-lane") == ["gray"]
    for seen in [*went.base, *went.gray]:
        assert seen.header("x-meshrun-caller") == ["web.default"]


def _headers_of_the_agent_are_those_of_bare(went: Went, bare: Went) -> None:
    """Their names, with repetitions; in an uncoloured call their order too."""
    known = {seen.target: [name for name, _ in seen.headers] for seen in bare.base}
    for seen in went.base:
        assert [name for name, _ in seen.headers if name != "x-meshrun-caller"] == known[seen.target]
    for seen in went.gray:
        ours = ("x-meshrun-caller", "x-polaris-metadata-transitive-lane", "baggage")
        assert Counter(name for name, _ in seen.headers if name not in ours) == Counter(
            name for name in known[seen.target] if name not in ours
        )


def _one_span_per_call(spans: Sequence[Span], bare: Sequence[Span]) -> None:
    """As many as bare with the same names; none of them twice, and none for what meshrun does on its own."""
    assert Counter(spans) == Counter(bare)
    assert len(spans) >= len(ASKS)
