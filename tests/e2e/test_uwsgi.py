"""uWSGI under the launcher, which stays as its parent: registered, drained, and ended as bare, whoever stops it how."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

import pytest

from tests.compat.environments import needed
from tests.contract.ports import free_port
from tests.contract.running import LONG, QUICK, until
from tests.contract.test_pid1 import NAMESPACE
from tests.e2e.place import APPS, Place, Program, status_of
from tests.e2e.test_launch_servers import SERVERS, children, get
from tests.unit.boot.launching import MESHRUN

pytestmark = pytest.mark.slow

APP = """
import os, time
while not os.path.exists("loaded"):
    time.sleep(0.02)

def application(environ, start_response):
    while environ["PATH_INFO"] == "/held" and not os.path.exists("go"):
        time.sleep(0.02)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
INI = "[other]\nhttp = :1\n[uwsgi]\n; a comment\nhttp-socket = 127.0.0.1:%d\nmaster = true\ndie-on-term = true\n"


def uwsgi() -> str:
    """The real one."""
    return str(Path(needed("servers", sys.executable, SERVERS)).with_name("uwsgi"))


def stand_in(place: Place) -> str:
    """One that tells which signals it got."""
    text = (APPS / "stand_in_uwsgi.py").read_text(encoding="utf-8")
    path = Path(place.script("#!%s\n%s" % (sys.executable, text), name="uwsgi"))
    path.chmod(0o755)
    return str(path)


def start(
    place: Place, *command: str, prefix: Sequence[str] = (), service: str = "web", port: str = "", enabled: str = "1"
) -> Program:
    """A command by the launcher."""
    return place.start(
        *MESHRUN[1:], *command, prefix=prefix, python=MESHRUN[0],
        SERVICE=service, PORT=port, ENABLED=enabled,
    )  # fmt: skip


def drains(place: Place, rule: str) -> None:
    place.rule_file("web.yaml").write_text(rule, encoding="utf-8")


def server(place: Place, *more: str) -> Program:
    """A stand-in that serves and is registered."""
    program = start(place, stand_in(place), "--http-socket", "127.0.0.1:%d" % free_port(), *more)
    place.registered(program)
    return program


def port_of(place: Place) -> int:
    return int(place.records()[0].port)


def states(place: Place) -> List[str]:
    return [record.state for record in place.records()]


@contextlib.contextmanager
def held(port: int) -> Iterator[socket.socket]:
    """A request that is answered as soon as there is a file ``go``."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(b"GET /held HTTP/1.1\r\nHost: web\r\n\r\n")
        yield sock


WAYS = {
    "a socket of its own": ("--http-socket", "127.0.0.1:{port}", "--master", "--processes", "2", "--die-on-term"),
    "one process": ("--http-socket=127.0.0.1:{port}", "--threads", "2", "--die-on-term"),
    "keep-alive": ("--http11-socket", "127.0.0.1:{port}", "--master", "--processes", "2", "--die-on-term"),
    "a router": ("--http", "127.0.0.1:{port}", "--master", "--processes", "2", "--die-on-term"),
    "a file": ("uwsgi.ini", "--processes", "2"),
}
KEEPALIVE = {"keep-alive": 4.0}
ENDS = {"one process": 30}
"""Its own exit status after SIGTERM, as bare; 0 with a master."""
SETTLED = "kind: Lifecycle\nname: web\nservice: web\ndrain: {seconds: 30, quiet: 0.2, min: 1.5}\n"
"""Hands the signal on when all workers run: uWSGI, bare as well, sleeps over one that comes as they start."""


@pytest.mark.parametrize("how", WAYS)
def test_uwsgi_registers_when_it_answers_and_serves_to_the_end_of_its_drain(place: Place, how: str) -> None:
    drains(place, SETTLED)
    place.script(APP, "held_wsgi.py")
    port = free_port()
    place.script(INI % port, "uwsgi.ini")
    words = [uwsgi(), *(word.format(port=port) for word in WAYS[how]), "--no-orphans", "--module", "held_wsgi"]
    program = start(place, *words)
    until(lambda: program.process.poll() is None and _open(port), program.said)
    until(lambda: status_of(place, program).get("reason") == "not ready yet", program.said)
    assert place.records() == []
    (place.folder / "loaded").touch()
    [record] = place.registered(program)
    assert (record.address, record.port, record.keepalive) == ("127.0.0.1", port, KEEPALIVE.get(how, 0.0))

    with held(port) as sock:
        until(lambda: b" 1\n" in _connections(port), program.said)
        program.process.terminate()
        until(lambda: states(place) == ["draining"], program.said)
        assert get(port, "/").endswith(b"ok")
        assert states(place) == ["draining"]
        (place.folder / "go").touch()
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
    status = program.process.wait(60)

    assert place.records() == []
    assert program.ours() == []
    assert status == ENDS.get(how, 0)


def _open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _connections(port: int) -> bytes:
    rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return b" %d\n" % sum(row[1].endswith(":%04X" % port) and row[3] == "01" for row in rows)


@pytest.mark.parametrize("victim", ["uwsgi", "uwsgi while it drains", "its parent"])
def test_what_is_killed_takes_the_other_along(place: Place, victim: str) -> None:
    drains(place, LONG)
    program = server(place)
    child = int(get(port_of(place), "/").rpartition(b"\r\n")[2])
    assert child != program.process.pid
    if "drains" in victim:
        program.process.terminate()
        until(lambda: states(place) == ["draining"], program.said)
    os.kill(program.process.pid if "parent" in victim else child, signal.SIGKILL)

    assert program.process.wait(60) == -signal.SIGKILL
    until(lambda: not Path("/proc/%d/cmdline" % child).exists() or not Path("/proc/%d/cmdline" % child).read_bytes())
    if "parent" not in victim:
        assert place.records() == []


@pytest.mark.parametrize("group", [True, False])
def test_a_stop_of_the_whole_group_is_held_as_well(place: Place, group: bool) -> None:
    drains(place, QUICK)
    program = server(place, "--die-on-term")
    with held(port_of(place)) as sock:
        (os.killpg if group else os.kill)(program.process.pid, signal.SIGTERM)
        until(lambda: states(place) == ["draining"], program.said)
        assert "got" not in program.said()
        (place.folder / "go").touch()
        assert sock.recv(100).startswith(b"HTTP/1.0 200")
    assert program.process.wait(60) == 7
    assert program.said().count("got SIGTERM") == 1


@pytest.mark.parametrize(
    ("signals", "ends"), [("TERM TERM", 7), ("INT INT", 7), ("TERM INT", 7), ("QUIT", -signal.SIGQUIT)]
)
def test_a_second_signal_and_sigquit_end_the_drain_at_once(place: Place, signals: str, ends: int) -> None:
    drains(place, LONG)
    program = server(place, "--die-on-term")
    first, _, second = signals.partition(" ")
    program.process.send_signal(getattr(signal, "SIG" + first))
    if second:
        until(lambda: states(place) == ["draining"], program.said)
        time.sleep(0.7)  # sooner it is an echo of the first
        program.process.send_signal(getattr(signal, "SIG" + second))
    assert program.process.wait(60) == ends
    assert place.records() == []


def test_every_other_signal_goes_on_at_once(place: Place) -> None:
    program = server(place)
    for name in ("HUP", "USR1", "USR2", "TSTP", "URG", "WINCH", "CONT"):
        program.process.send_signal(getattr(signal, "SIG" + name))
        until(lambda name=name: "got SIG%s\n" % name in program.said(), program.said)  # type: ignore[misc]
    assert states(place) == ["ready"]


def test_a_stop_before_it_answers_goes_on_at_once(place: Place) -> None:
    drains(place, LONG)
    program = start(place, stand_in(place), "--die-on-term", port=str(free_port()))
    until(lambda: "listens for" in program.said(), program.said)
    program.process.terminate()
    assert program.process.wait(60) == 7


def test_in_a_mode_that_takes_no_part_nothing_is_registered_or_held(place: Place) -> None:
    place.mesh.service("stock")
    drains(place, LONG)
    words = (stand_in(place), "--http-socket", "127.0.0.1:%d" % free_port(), "--die-on-term")
    program = place.start(*MESHRUN[1:], *words, python=MESHRUN[0], SERVICE="web", MODE="dormant")
    until(lambda: status_of(place, program).get("reason") == "dormant", program.said)
    until(lambda: "listens for" in program.said(), program.said)
    assert place.records() == []
    program.process.terminate()
    assert program.process.wait(60) == 7


def test_without_die_on_term_it_reloads_and_is_an_instance_anew(place: Place) -> None:
    drains(place, QUICK)
    program = server(place)
    [before] = place.records()
    program.process.terminate()
    until(lambda: "got SIGTERM" in program.said(), program.said)
    assert place.records() == []
    [after] = place.registered(program)
    assert after.id != before.id

    program.process.terminate()
    until(lambda: states(place) == ["draining"] or place.records() == [], program.said)
    until(lambda: program.said().count("got SIGTERM") == 2, program.said)
    program.process.send_signal(signal.SIGINT)
    assert program.process.wait(60) == 7
    assert program.ours() == []


def test_operators_see_its_parent_and_take_it_offline(place: Place) -> None:
    drains(place, QUICK)
    program = server(place)
    assert "web" in place.meshctl("status")
    place.meshctl("ready")
    place.meshctl("offline", "--pid", str(program.process.pid))
    until(lambda: place.records() == [], program.said)
    place.meshctl("ready", status=1)
    assert get(int(status_of(place, program)["listeners"][0]["port"]), "/")
    assert program.process.poll() is None


@pytest.mark.parametrize("why", ["no service", "disabled", "no port", "daemonize"])
def test_where_nothing_is_to_be_registered_the_launcher_becomes_it(place: Place, why: str) -> None:
    words = {"no port": (), "daemonize": ("--http-socket", "127.0.0.1:%d" % free_port(), "--daemonize", "log")}
    more = words.get(why, ("--http-socket", "127.0.0.1:%d" % free_port()))
    service, enabled = "" if why == "no service" else "web", "0" if why == "disabled" else "1"
    program = start(place, stand_in(place), *more, service=service, enabled=enabled)
    until(lambda: "is %d," % program.process.pid in program.said(), program.said)


def test_a_program_that_cannot_be_started_ends_as_with_any_other(place: Place) -> None:
    program = start(place, str(place.folder / "uwsgi"), "--http-socket", ":8000")
    assert program.process.wait(60) == 127
    assert program.said().endswith("/uwsgi: command not found\n")


def test_sockets_that_were_handed_over_are_its_own(place: Place) -> None:
    program = start(place, "/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *MESHRUN, stand_in(place), port="1")
    child = until(lambda: "listens for" in program.said() and program.said().split()[1].rstrip(","), program.said)
    assert "is %s, listens for %s\n" % (child, child) in program.said()
    assert int(child) != program.process.pid


def at_a_terminal(place: Place, *command: str) -> Sequence[int]:
    """Its pid, and the other side of the terminal."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(str(place.folder))
        os.execve(command[0], list(command), place.environ(SERVICE="web"))
    return pid, terminal


def test_at_a_terminal_ctrl_c_reaches_it_once_and_stops_are_shared(place: Place) -> None:
    pid, terminal = at_a_terminal(
        place, *MESHRUN, stand_in(place), "--http-socket", "127.0.0.1:%d" % free_port(), "--die-on-term"
    )
    status: Optional[int] = None
    try:
        until(lambda: states(place) == ["ready"])
        child = int(get(port_of(place), "/").rpartition(b"\r\n")[2])
        assert os.getpgid(child) == os.getpgid(pid)
        os.kill(child, signal.SIGSTOP)
        until(lambda: _state(pid) == "T")
        os.killpg(pid, signal.SIGCONT)
        until(lambda: (_state(pid), _state(child)) == ("S", "S"))
        os.write(terminal, b"\x03")
        said = b""
        with contextlib.suppress(OSError):
            while True:
                said += os.read(terminal, 1000)
        status = os.waitpid(pid, 0)[1]
        assert said.count(b"got SIGINT") == 1
        assert os.WEXITSTATUS(status) == 7
        assert place.records() == []
    finally:
        if status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(terminal)


def _state(pid: int) -> str:
    return Path("/proc/%d/stat" % pid).read_text(encoding="ascii").rpartition(")")[2].split()[0]


def test_as_the_first_process_it_drains_ends_as_bare_and_buries_the_dead(place: Place) -> None:
    unshare = shutil.which("unshare")
    if os.geteuid() or unshare is None:
        pytest.skip("no process namespaces here: that needs root and util-linux")
    drains(place, SETTLED)
    place.script(APP.replace("def app", "os.system('sleep 0.1 & sleep 0.1 &')\ndef app"), "held_wsgi.py")
    (place.folder / "loaded").touch()
    port = free_port()
    words = (uwsgi(), "--http-socket", "127.0.0.1:%d" % port, "--die-on-term", "--module", "held_wsgi")
    program = start(place, *words, prefix=(unshare, *NAMESPACE))
    place.registered(program)
    [first] = children(program.process.pid)
    [child] = children(first)
    until(lambda: _children(first) == [child], program.said)
    with held(port) as sock:
        until(lambda: b" 1\n" in _connections(port), program.said)
        os.kill(first, signal.SIGTERM)
        until(lambda: states(place) == ["draining"], program.said)
        (place.folder / "go").touch()
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
    status = program.process.wait(60)
    assert place.records() == []
    assert program.ours() == []
    assert status == ENDS["one process"]


def _children(pid: int) -> List[int]:
    """Those that are dead and unburied, too."""
    text = Path("/proc/%d/task/%d/children" % (pid, pid)).read_text(encoding="ascii")
    return [int(word) for word in text.split()]
