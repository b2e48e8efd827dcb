"""gunicorn's sync and threaded workers under the server contract, and what only a master has."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, ClassVar, Collection, Iterator, List, Mapping, Optional, Sequence

import pytest

from tests.compat.environments import needed
from tests.contract.running import LONG, NO_CONTROL, RELEASE, Stage, answer, stage, until
from tests.contract.server import ServerContract
from tests.contract.streams import EventsContract

COMMAND = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL)
APP = "tests.contract.apps.wsgi:application"


@pytest.mark.slow
class TestSync(ServerContract):
    """Two workers, one request each."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "-w", "2", APP)
    keepalive: ClassVar[Optional[float]] = None
    persistent: ClassVar[bool] = False
    workers: ClassVar[int] = 2


class TestThreaded(ServerContract):
    """One worker with threads."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--threads", "4", "--keep-alive", "7", APP)
    keepalive: ClassVar[Optional[float]] = 7.0


class GunicornEvents(EventsContract):
    """As the application's iterable is closed where the client has gone; one that says nothing is waited for."""

    seen: ClassVar[Collection[str]] = ("closed",)
    idles: ClassVar[bool] = False


@pytest.mark.slow
class TestEventsSync(GunicornEvents):
    """A process for each stream."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "-w", "5", APP)


class TestEventsThreaded(GunicornEvents):
    """A thread for each."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--threads", "8", APP)


@pytest.fixture(scope="class")
def gevent(request: Any) -> None:
    """Let the command of a class begin with an interpreter that has gevent, which is compiled."""
    if importlib.util.find_spec("gevent") is None:
        packages = ["gevent>=21.1,<27", "gunicorn==" + RELEASE, "packaging", "setuptools", "pyyaml", "wrapt"]
        request.cls.command = (needed("gevent", sys.executable, packages), *request.cls.command)


@pytest.mark.slow
@pytest.mark.usefixtures("gevent")
class TestEventsGevent(GunicornEvents):
    """A greenlet for each."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "-k", "gevent", APP)


@pytest.mark.slow
class TestMaster:
    """What a master does with its workers."""

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage for two threaded workers."""
        with stage((*COMMAND, "-w", "2", "--threads", "2", APP)) as made:
            yield made

    def test_a_reload_replaces_the_workers_under_the_same_registration(self, on: Stage) -> None:
        running = on.start()
        record = on.registered(running)
        before = until(lambda: len(running.status().get("workers", ())) == 2 and running.status()["workers"])
        running.kill(signal.SIGHUP)
        until(lambda: _workers(running.status()) and not set(_workers(running.status())) & set(before), running.said)
        assert running.get("/").status == 200
        time.sleep(2.0)  # another worker is elected within a second
        assert [found[:2] + found[-2:] for found in on.records()] == [(*record[:2], "ready", True)]
        assert [found.started for found in on.records()] == [record.started]
        running.kill(signal.SIGTERM)
        assert running.exit_code() == 0

    @pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGTTOU], ids=["HUP", "TTOU"])
    def test_a_worker_that_its_master_ends_is_not_held(self, on: Stage, signum: int) -> None:
        on.rule(LONG)  # one that is held ends with the test
        running = on.start()
        on.registered(running)
        before = until(lambda: len(_workers(running.status())) == 2 and _workers(running.status()))
        running.kill(signum)
        gone = len(before) if signum == signal.SIGHUP else 1
        until(lambda: sum(not Path("/proc/%d" % pid).exists() for pid in before) == gone, running.said)
        assert running.get("/").status == 200
        assert [record.state for record in on.records()] == ["ready"]

    def test_a_worker_that_is_signalled_alone_ends_and_is_replaced(self, on: Stage) -> None:
        on.rule(LONG)
        running = on.start()
        on.registered(running)
        before = until(lambda: len(_workers(running.status())) == 2 and _workers(running.status()))
        os.kill(before[0], signal.SIGTERM)
        until(lambda: len({*_workers(running.status())} - {before[0]}) == 2, running.said)
        assert not Path("/proc/%d" % before[0]).exists()

    def test_workers_end_when_their_root_is_killed_while_it_drains(self, on: Stage) -> None:
        on.rule(LONG)
        running = on.start()
        on.registered(running)
        workers = until(lambda: len(_workers(running.status())) == 2 and _workers(running.status()))
        running.drain(group=True)
        running.kill(signal.SIGKILL)
        until(lambda: not any(Path("/proc/%d" % pid).exists() for pid in workers), running.said)

    def test_a_worker_that_is_born_during_the_drain_ends_with_it(self, on: Stage) -> None:
        running = on.start()
        on.registered(running)
        workers = until(lambda: len(_workers(running.status())) == 2 and _workers(running.status()))
        with contextlib.closing(running.hold("last")) as held:
            running.drain(group=True)
            idle = next(pid for pid in workers if pid != int(running.noted("last.begun") or 0))
            os.kill(idle, signal.SIGKILL)
            (born,) = until(lambda: {*_workers(running.status())} - {*workers}, running.said)
            assert running.get("/").status == 200
            running.open("last")
            assert answer(held).status == 200
        assert running.exit_code() == 0
        assert not Path("/proc/%d" % born).exists()

    def test_another_worker_takes_over_from_one_that_is_killed(self, on: Stage) -> None:
        running = on.start()
        record = on.registered(running)
        (elected,) = until(lambda: [pid for pid in _workers(running.status()) if _holds_a_lock(pid)], running.said)
        os.kill(elected, signal.SIGKILL)
        until(lambda: any(_holds_a_lock(pid) for pid in {*_workers(running.status())} - {elected}), running.said)
        assert [found.id for found in on.records()] == [record.id]

    def test_a_preloaded_app_has_one_thread_in_the_master_and_serves(self, on: Stage) -> None:
        running = on.start("--preload")
        on.registered(running)
        assert len(list(Path("/proc/%d/task" % running.process.pid).iterdir())) == 1
        assert running.get("/", {"baggage": "lane=gray"}).body == "lane=gray"

    def test_a_master_that_runs_as_a_daemon_is_a_root(self, on: Stage) -> None:
        pidfile = on.folder / "pid"
        running = on.start("--daemon", "--pid", str(pidfile), "--log-file", str(on.folder / "daemon.log"))
        assert running.exit_code() == 0
        try:
            until(on.records, (on.folder / "daemon.log").read_text)
            pid = int(pidfile.read_text())
            os.kill(pid, signal.SIGTERM)
            until(lambda: [record.state for record in on.records()] in (["draining"], []))
            until(lambda: not Path("/proc/%d" % pid).exists())
            assert on.records() == ()
        finally:
            if pidfile.exists():
                os.kill(int(pidfile.read_text()), signal.SIGKILL)


def _workers(status: Mapping[str, Any]) -> List[int]:
    return list(status.get("workers", ()))


def _holds_a_lock(pid: int) -> bool:
    """Whether the process has the lock of the election open."""
    try:
        names = [os.readlink(str(link)) for link in Path("/proc/%d/fd" % pid).iterdir()]
    except OSError:
        return False
    return any(name.endswith(".lock") for name in names)
