"""gevent's WSGI server under the server contract, by itself and in the two workers of gunicorn that are made of it."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import sys
import time
from typing import Any, ClassVar, Collection, Iterator, Optional, Sequence

import pytest

from tests.compat.environments import needed
from tests.contract.running import LONG, NO_CONTROL, RELEASE, Stage, answer, stage, until
from tests.contract.server import GRAY, MESH, ServerContract
from tests.contract.streams import EventsContract

COMMAND = ("-m", "tests.contract.apps.gevent_app")
GUNICORN = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--graceful-timeout", "3")
"""The master waits for that long for a worker that was signalled while it began, as bare."""
APP = "tests.contract.apps.wsgi:application"


def python() -> str:
    """An interpreter that has gevent, which is compiled."""
    if importlib.util.find_spec("gevent") is not None:
        return sys.executable
    packages = ["gevent>=21.1,<27", "gunicorn==" + RELEASE, "packaging", "setuptools", "pyyaml", "wrapt"]
    return needed("gevent", sys.executable, packages)


@pytest.fixture(scope="class", autouse=True)
def gevent(request: Any) -> None:
    """Let the commands of a class begin with that interpreter."""
    request.cls.command = (python(), *request.cls.command)


@pytest.mark.slow
class TestServe(ServerContract):
    """The usual way."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "serve")
    keepalive: ClassVar[Optional[float]] = None


@pytest.mark.slow
class TestGreen(ServerContract):
    """In a greenlet of its own, whose ident is not that of the main thread."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "green")
    keepalive: ClassVar[Optional[float]] = None


@pytest.mark.slow
class TestSignals(ServerContract):
    """With the handlers that gevent's documentation shows."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "signals")
    keepalive: ClassVar[Optional[float]] = None


@pytest.mark.slow
class TestGunicorn(ServerContract):
    """gunicorn's worker that hands gevent the connections."""

    command: ClassVar[Sequence[str]] = (*GUNICORN, "-w", "2", "-k", "gevent", "--keep-alive", "7", APP)
    keepalive: ClassVar[Optional[float]] = 7.0
    workers: ClassVar[int] = 2


@pytest.mark.slow
class TestGunicornPywsgi(ServerContract):
    """gunicorn's worker that hands gevent the whole of it."""

    command: ClassVar[Sequence[str]] = (*GUNICORN, "-k", "gevent_pywsgi", "--keep-alive", "7", APP)
    keepalive: ClassVar[Optional[float]] = None


@pytest.mark.slow
class TestEvents(EventsContract):
    """A greenlet for each stream."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "serve")
    seen: ClassVar[Collection[str]] = ("closed",)
    idles: ClassVar[bool] = False


@pytest.mark.slow
class TestEventsGunicornPywsgi(EventsContract):
    """As above, in gunicorn's worker."""

    command: ClassVar[Sequence[str]] = (*GUNICORN, "-k", "gevent_pywsgi", APP)
    seen: ClassVar[Collection[str]] = ("closed",)
    idles: ClassVar[bool] = False


@pytest.mark.slow
class TestServer:
    """What only gevent does."""

    command: ClassVar[Sequence[str]] = COMMAND

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage for any of them."""
        with stage(self.command) as made:
            yield made

    def test_a_program_that_is_not_patched_is_served_and_drained_as_well(self, on: Stage) -> None:
        on.rule(LONG)
        running = on.start("plain")
        on.registered(running)
        assert running.get("/stream", GRAY).body.split() == ["lane=gray"] * 3
        assert running.get("/").body == "-"
        running.drain()
        fresh = running.get("/", MESH)
        assert (fresh.headers["connection"], fresh.headers["x-meshrun-draining"]) == ("close", "1")
        time.sleep(0.7)  # sooner it would count as an echo of the first one
        running.kill(signal.SIGTERM)
        assert running.exit_code() == -signal.SIGTERM
        assert on.records() == ()

    def test_handlers_of_gevents_run_after_the_drain(self, on: Stage) -> None:
        running = on.start("signals")
        on.registered(running)
        with contextlib.closing(running.hold("last", GRAY)) as held:
            running.kill(signal.SIGINT)
            until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
            assert running.get("/").status == 200
            assert "at the end" not in running.said()
            running.open("last")
            assert answer(held).body == "lane=gray"
        assert running.exit_code() == 0
        assert "at the end" in running.said()
        assert on.records() == ()

    def test_a_server_that_began_dormant_is_taken_in_when_the_mode_says_so(self, on: Stage) -> None:
        running = on.start("serve", MODE="dormant")
        assert running.get("/", GRAY).body != "lane=gray"
        assert on.records() == ()
        on.mesh.rules(("Policy/default/all", "kind: Policy\nname: all\nmode: enforce\n"))
        on.registered(running)
        assert running.get("/", GRAY).body == "lane=gray"
        with contextlib.closing(running.hold("last")) as held:
            running.kill(signal.SIGTERM)
            until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
            assert running.get("/", MESH).headers["x-meshrun-draining"] == "1"
            running.open("last")
            assert answer(held).status == 200
        assert running.exit_code() == -signal.SIGTERM
        assert on.records() == ()
