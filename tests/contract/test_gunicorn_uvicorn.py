"""gunicorn with uvicorn's worker under the server contract: the one in uvicorn, and the package that follows it."""

from __future__ import annotations

import importlib.util
import signal
import sys
import time
from typing import Any, ClassVar, Iterator, List, Optional, Sequence

import pytest
import uvicorn

from tests.compat.environments import needed
from tests.contract.running import NO_CONTROL, RELEASE, Running, Stage, stage, until
from tests.contract.server import GRAY, ServerContract

COMMAND = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--keep-alive", "7", "--graceful-timeout", "3")
"""After SIGINT and SIGQUIT the master waits for that long, for this worker does not end by what it is sent then."""
APP = "tests.contract.apps.asgi:application"
OLD = ("-k", "uvicorn.workers.UvicornWorker")

in_uvicorn = pytest.mark.skipif(
    importlib.util.find_spec("uvicorn.workers") is None, reason="this release of uvicorn has no worker any more"
)


def python() -> str:
    """An interpreter that has the package of the worker."""
    if importlib.util.find_spec("uvicorn_worker") is not None:
        return sys.executable
    here = ["gunicorn==" + RELEASE, "uvicorn==" + uvicorn.__version__]
    return needed("uvicorn-worker", sys.executable, ["uvicorn-worker", *here, "setuptools", "pyyaml", "wrapt"])


@pytest.fixture(scope="class")
def package(request: Any) -> None:
    """Let the command of a class begin with that interpreter."""
    request.cls.command = (python(), *request.cls.command)


@pytest.mark.slow
@in_uvicorn
class TestInUvicorn(ServerContract):
    """Two workers of the class in uvicorn."""

    command: ClassVar[Sequence[str]] = (*COMMAND, *OLD, "-w", "2", APP)
    keepalive: ClassVar[Optional[float]] = 7.0
    workers: ClassVar[int] = 2


@pytest.mark.slow
@pytest.mark.usefixtures("package")
class TestPackage(ServerContract):
    """The same from its own package."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "-k", "uvicorn_worker.UvicornWorker", APP)
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
@in_uvicorn
class TestWorkers:
    """What a master does with them."""

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage for two workers."""
        with stage((*COMMAND, *OLD, "-w", "2", APP)) as made:
            yield made

    def test_a_reload_replaces_the_workers_under_the_same_registration(self, on: Stage) -> None:
        running = on.start()
        record = on.registered(running)
        before = until(lambda: len(workers(running)) == 2 and workers(running), running.said)
        running.kill(signal.SIGHUP)
        until(lambda: len(workers(running)) == 2 and not set(workers(running)) & set(before), running.said)
        assert running.get("/", GRAY).body == "lane=gray"
        assert [(found.id, found.state) for found in on.records()] == [(record.id, "ready")]
        running.kill(signal.SIGTERM)
        assert running.exit_code() == 0
        assert on.records() == ()

    def test_a_worker_that_had_its_fill_is_replaced_at_once(self, on: Stage) -> None:
        running = on.start("--max-requests", "3")
        record = on.registered(running)
        before = until(lambda: len(workers(running)) == 2 and workers(running), running.said)
        for _ in range(6):
            assert running.get("/").status == 200
        until(lambda: len(workers(running)) == 2 and set(workers(running)) != set(before), running.said)
        assert [(found.id, found.state) for found in on.records()] == [(record.id, "ready")]
        running.kill(signal.SIGTERM)
        assert running.exit_code() == 0

    def test_workers_that_began_dormant_are_taken_in_as_one_instance(self, on: Stage) -> None:
        running = on.start(MODE="dormant")
        assert running.get("/", GRAY).body != "lane=gray"
        assert on.records() == ()
        on.mesh.rules(("Policy/default/all", "kind: Policy\nname: all\nmode: enforce\n"))
        assert on.registered(running).keepalive == 7.0
        until(lambda: all(running.get("/", GRAY).body == "lane=gray" for _ in range(20)), running.said)
        time.sleep(2.0)  # another worker is elected within a second
        assert len(on.records()) == 1
        running.kill(signal.SIGTERM)
        assert running.exit_code() == 0
        until(lambda: on.records() == ())

    def test_a_websocket_has_the_colour_of_its_handshake(self, on: Stage) -> None:
        pytest.importorskip("websockets")
        running = on.start()
        assert b"\x81\x09lane=gray" in running.websocket(GRAY, until=b"gray")  # one text frame


def workers(running: Running) -> List[int]:
    """Those that serve now."""
    return list(running.status().get("workers", ()))
