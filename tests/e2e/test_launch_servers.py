"""Servers in the ways that they are started and reload themselves: the app is served as bare, and its calls are ours.

What a stop costs is the server contract's business; here it only has to end as bare.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Set

import pytest

from meshrun.boot import door
from tests.compat.environments import needed
from tests.contract.running import NO_CONTROL, until
from tests.contract.servers import Echo
from tests.e2e.place import APPS, Place, Program, exchange

pytestmark = pytest.mark.slow

SERVERS = ("gunicorn==27.0.1", "gevent", "packaging", "tornado", "pyuwsgi", "urllib3", "requests")
OLD = ("gunicorn==23.0.0", "eventlet", "tornado", "urllib3")


class Kind(NamedTuple):
    """A worker class."""

    words: Sequence[str]
    packages: Sequence[str] = ()  # of an environment of its own; none: the development environment
    hooked: bool = True  # whether its requests have a colour
    app: str = "front_wsgi"


KINDS: Dict[str, Kind] = {
    "sync": Kind(()),
    "gthread": Kind(("--threads", "3")),
    "uvicorn": Kind(("-k", "uvicorn.workers.UvicornWorker"), app="front_asgi"),
    "gevent": Kind(("-k", "gevent"), SERVERS),
    "gevent_pywsgi": Kind(("-k", "gevent_pywsgi"), SERVERS),
    "tornado": Kind(("-k", "tornado"), SERVERS),
    "gevent of gunicorn 23": Kind(("-k", "gevent"), ("gunicorn==23.0.0", "gevent", "urllib3")),
    "eventlet of gunicorn 23": Kind(("-k", "eventlet"), OLD, hooked=False),
    "tornado of gunicorn 23": Kind(("-k", "tornado"), OLD),
    "sync of gunicorn 23": Kind((), OLD),
}
GRAY = "baggage: lane=gray\r\n"


class Gunicorn:
    """A master of one worker class, with two workers."""

    def __init__(self, place: Place, kind: str, *more: str, bare: bool = False, workers: int = 2) -> None:
        found = KINDS[kind]
        python = needed("servers", sys.executable, found.packages) if found.packages else sys.executable
        quiet = () if "23" in kind else NO_CONTROL
        self.pidfile = place.folder / ("pid-bare" if bare else "pid-ours")
        words = (
            "-b",
            "127.0.0.1:0",
            *quiet,
            "-w",
            str(workers),
            "--pid",
            str(self.pidfile),
            "--graceful-timeout",
            "4",
        )
        # The console script: started by ``-m`` a master cannot execute itself again, bare neither.
        self.program = place.start(
            *words, *found.words, *more, "--chdir", str(APPS), found.app + ":application", bare=bare,
            python=str(Path(python).with_name("gunicorn")), DRAIN_SECONDS="0", **({} if bare else {"SERVICE": "web"}),
        )  # fmt: skip

    def get(self, path: str, headers: str = "") -> bytes:
        """A request on a connection of its own."""
        return get(self.program.port(), path, headers)

    def workers(self, master: Optional[int] = None) -> Set[int]:
        """The processes that the master has forked."""
        return children(master or self.program.process.pid)

    def stop(self) -> int:
        """The exit status after SIGTERM."""
        self.program.process.terminate()
        return self.program.process.wait(60)


def get(port: int, path: str, headers: str = "") -> bytes:
    request = "GET %s HTTP/1.1\r\nHost: web\r\nConnection: close\r\n%s\r\n" % (path, headers)
    return exchange(port, request.encode())


def children(pid: int) -> Set[int]:
    """Processes whose parent is `pid`."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.add(int(path.parent.name))
    return found


def complaints(program: Program) -> List[str]:
    """What it wrote that is more than its log of starting and stopping, without numbers and the order of words.

    gevent lists the modules that a preloaded app has imported too early in an order of chance; workers of eventlet and
    tornado now and then do not end by themselves, bare as well.
    """
    known = re.compile(r"\[INFO\]|^INFO:|was sent SIGKILL!")
    lines = [line for line in program.said().splitlines() if not known.search(line)]
    return sorted({" ".join(sorted(re.findall(r"[^\s\[\]',]+", re.sub(r"\d+", "N", line)))) for line in lines})


def colours(stock: Echo) -> List[List[str]]:
    """The colour that each call brought."""
    return [call.header("baggage") for call in stock.seen]


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["plain", "preload"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_class_serves_as_bare_and_its_calls_are_routed(place: Place, kind: str, preload: List[str]) -> None:
    (stock,) = place.mesh.service("stock")
    bare = Gunicorn(place, kind, *preload, bare=True)
    ours = Gunicorn(place, kind, *preload)
    assert ours.get("/plain") == bare.get("/plain")
    assert bare.get("/plain").endswith(b"plain")

    assert [ours.get("/call", GRAY)[-3:] for _ in range(4)] == [b"200"] * 4, ours.program.said()

    assert colours(stock) == [["lane=gray"] if KINDS[kind].hooked else []] * 4
    assert ours.get("/call").endswith(b"200")
    assert colours(stock)[4:] == [[]]
    assert ours.stop() == bare.stop()
    assert complaints(ours.program) == complaints(bare.program)


RELOADED = ("sync", "gthread", "uvicorn", "gevent")


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["plain", "preload"])
@pytest.mark.parametrize("kind", RELOADED)
def test_hup_makes_workers_that_are_hooked_again(place: Place, kind: str, preload: List[str]) -> None:
    (stock,) = place.mesh.service("stock")
    ours = Gunicorn(place, kind, *preload)
    assert ours.get("/call", GRAY).endswith(b"200")
    before = ours.workers()

    ours.program.process.send_signal(signal.SIGHUP)

    until(lambda: ours.workers() and not ours.workers() & before, ours.program.said)
    assert ours.get("/call", GRAY).endswith(b"200")
    assert colours(stock) == [["lane=gray"] if KINDS[kind].hooked else []] * 2
    assert ours.stop() == 0
    assert ours.program.ours() == []


@pytest.mark.parametrize("kind", RELOADED)
def test_usr2_makes_a_master_that_is_hooked_again(place: Place, kind: str) -> None:
    """It is executed anew by the old one, with the old one's sockets, and goes on alone when that is gone."""
    (stock,) = place.mesh.service("stock")
    ours = Gunicorn(place, kind)
    port = ours.program.port()
    assert get(port, "/call", GRAY).endswith(b"200")
    new_pid = Path(str(ours.pidfile) + ".2")

    ours.program.process.send_signal(signal.SIGUSR2)

    new = int(until(lambda: new_pid.exists() and new_pid.read_text().strip(), ours.program.said))
    until(lambda: len(ours.workers(new)) == 2, ours.program.said)
    assert ours.stop() == 0
    until(lambda: not new_pid.exists(), ours.program.said)  # the new master knows that it is alone
    assert [get(port, "/call", GRAY).endswith(b"200") for _ in range(3)] == [True] * 3
    assert colours(stock) == [["lane=gray"] if KINDS[kind].hooked else []] * 4
    os.kill(new, signal.SIGTERM)
    until(lambda: not Path("/proc/%d" % new).exists(), ours.program.said)
    assert place.records() == []
    assert ours.program.ours() == []


@pytest.mark.parametrize("kind", RELOADED)
def test_workers_that_end_after_some_requests_are_followed_by_hooked_ones(place: Place, kind: str) -> None:
    place.mesh.service("stock")
    ours = Gunicorn(place, kind, "--max-requests", "2", workers=1)
    seen: Set[int] = set()

    def three() -> bool:
        answer = ours.get("/call", GRAY)
        # A connection that the ending worker has not accepted is closed by it; bare as well.
        assert answer == b"" or answer.endswith(b"200"), ours.program.said()
        seen.update(ours.workers())
        return len(seen) > 2

    until(three, ours.program.said)
    assert ours.stop() == 0
    assert ours.program.ours() == []


UVICORN = ("-m", "uvicorn", "--port", "0", "--app-dir", str(APPS), "--log-level", "warning")


def test_the_workers_of_uvicorn_are_hooked(place: Place) -> None:
    (stock,) = place.mesh.service("stock")
    codes = []
    for bare in (True, False):
        program = place.start(*UVICORN, "--workers", "2", "front_asgi:application", bare=bare, SERVICE="web")
        port = program.port()
        until(lambda: get(port, "/plain"), program.said)  # noqa: B023 - asked before the loop goes on
        if not bare:
            assert [get(port, "/call", GRAY).endswith(b"200") for _ in range(4)] == [True] * 4
            assert colours(stock) == [["lane=gray"]] * 4
        program.process.terminate()
        codes.append((program.process.wait(60), complaints(program)))
    assert codes[0] == codes[1]


def test_what_uvicorn_reloads_is_hooked_again(place: Place) -> None:
    (stock,) = place.mesh.service("stock")
    app = place.folder / "reloaded.py"
    text = (APPS / "front_asgi.py").read_text(encoding="utf-8")
    app.write_text(text, encoding="utf-8")
    codes = []
    for bare in (True, False):
        words = ("-m", "uvicorn", "--port", "0", "--log-level", "warning", "--reload", "--reload-delay", "0.1")
        program = place.start(*words, "reloaded:application", bare=bare, SERVICE="web", DRAIN_SECONDS="0")
        port = program.port()
        for word in ("plain", "changed"):  # of another length: two versions of one second may share a compiled file
            app.write_text(text.replace('b"plain"', 'b"%s"' % word), encoding="utf-8")
            # Its children share the socket, so that connections wait meanwhile.
            until(lambda: get(port, "/plain").endswith(word.encode()), program.said)  # noqa: B023 - as above
            if not bare:
                assert get(port, "/call", GRAY).endswith(b"200")
        program.process.terminate()
        codes.append((program.process.wait(60), complaints(program)))
        app.write_text(text, encoding="utf-8")
    assert codes[0] == codes[1]
    assert colours(stock) == [["lane=gray"]] * 2


UWSGI = {
    "one process": (),
    "a master": ("--master",),
    "a master with workers": ("--master", "--processes", "2"),
    "threads": ("--master", "--processes", "2", "--enable-threads", "--threads", "2"),
    "each loads the app": ("--master", "--processes", "2", "--lazy-apps", "--enable-threads"),
    "fork hooks": ("--master", "--processes", "2", "--enable-threads", "--py-call-osafterfork"),
    "named environment": ("--master", "-H", "{venv}"),
}


def uwsgi(place: Place, *words: str, bare: bool = False, **settings: str) -> Program:
    """uWSGI, whose interpreter is embedded; it forks its workers without telling Python."""
    programs = Path(needed("servers", sys.executable, SERVERS)).parent
    return place.start(
        "--http-socket", "127.0.0.1:0", "--need-app", "--die-on-term", "--chdir", str(APPS),
        *(word.format(venv=programs.parent) for word in words),
        bare=bare, python=str(programs / "uwsgi"), SERVICE="web", **settings,
    )  # fmt: skip


@pytest.mark.parametrize("how", UWSGI)
def test_an_app_in_uwsgi_is_served_as_bare_and_its_calls_are_routed(place: Place, how: str) -> None:
    """Its end is not compared: bare, too, it now and then sleeps over a signal that comes soon after its start."""
    place.mesh.service("stock")
    bare, ours = (uwsgi(place, *UWSGI[how], "--module", "front_wsgi:application", bare=bare) for bare in (True, False))
    assert get(ours.port(), "/plain") == get(bare.port(), "/plain")
    assert [get(ours.port(), "/call").endswith(b"200") for _ in range(4)] == [True] * 4, ours.said()
    assert ours.ours() == []


def test_uwsgi_reads_the_door_of_its_virtual_environment(place: Place) -> None:
    place.mesh.service("stock")
    environment = str(Path(needed("servers", sys.executable, SERVERS)).parent.parent)
    ours = {"meshrun_enabled": "1", "meshrun_store": place.mesh.url, "meshrun_state_dir": str(place.state)}
    door.enable(environment)
    try:
        program = uwsgi(place, "--master", "--module", "front_wsgi:application", bare=True, **ours)
        assert get(program.port(), "/call").endswith(b"200"), program.said()
    finally:
        door.disable(environment)


@pytest.mark.parametrize("how", ["one process", "a master with workers", "threads", "fork hooks"])
def test_a_worker_of_uwsgi_follows_the_mesh_although_its_master_called_before_the_fork(place: Place, how: str) -> None:
    (first,) = place.mesh.service("stock", label="first")
    program = uwsgi(place, *UWSGI[how], "--module", "early_wsgi:application", early="1")
    port = program.port()
    first_answer = get(port, "/")
    assert first_answer.endswith(b"first-0"), first_answer + program.said().encode()
    assert len(first.seen) == 2

    place.mesh.service("stock", label="second")
    place.mesh.leave("stock", first.address)

    until(lambda: {get(port, "/")[-8:] for _ in range(4)} == {b"second-0"}, program.said)
    assert program.ours() == []
