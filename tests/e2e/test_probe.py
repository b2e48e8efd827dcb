"""The port for a platform's probes: one per instance, whatever becomes of its processes, never the app's trouble."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import pytest

from meshrun.cli import admin
from meshrun.telemetry import sums
from tests.contract.ports import free_port
from tests.contract.running import LONG, NO_CONTROL, until
from tests.e2e.place import APPS, Place, Program, exchange, status_of
from tests.e2e.test_modes_server import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
GUNICORN = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "-w", "2", "--chdir", str(APPS), "modes_app:wsgi")
THREE = tuple("3" if word == "2" else word for word in GUNICORN)
UVICORN = (*COMMANDS["uvicorn"], "--workers", "2")
TOKEN = "hush-4711"
PLAIN = b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"
APP = """
import http.server, os, signal, sys, threading
import meshrun.hook as hook  # stands for the hook of a server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"plain")

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
hook.listening(*server.server_address)
hook.ready()
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
"""


def ask(port: int, path: str, method: str = "GET", host: str = "127.0.0.1") -> Tuple[int, str]:
    """Status and body; 0: nobody listens."""
    request = urllib.request.Request("http://%s:%d%s" % (host, port, path), method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return 0, ""


def holder(port: int) -> Optional[int]:
    """The pid of the one process that listens on a port."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    wanted = {"socket:[%s]" % row[9] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}
    found = set()
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has ended, or closed that
            if process.name.isdigit() and wanted.intersection(map(os.readlink, (process / "fd").iterdir())):
                found.add(int(process.name))
    assert len(found) <= 1, found
    return found.pop() if found else None


def ready(port: int, program: Program) -> None:
    until(lambda: ask(port, "/readiness") == (200, "ready\n"), program.said)


@pytest.mark.parametrize("server", sorted(COMMANDS))
def test_a_platform_gets_its_three_answers_and_no_more(place: Place, server: str) -> None:
    port = free_port()
    program = place.start(*COMMANDS[server], SERVICE="web", PROBE="127.0.0.1:%d" % port, target="")
    ready(port, program)
    assert ask(port, "/health") == (200, "ok\n")
    assert ask(port, "/readiness?full=1", "HEAD") == (200, "")
    status, text = ask(port, "/metrics")
    assert (status, "\nmeshrun_inflight 0\n" in text) == (200, True)
    for path in ("/status", "/offline", "/mode", "/explain", "/"):
        assert ask(port, path)[0] == 404
    assert [ask(port, path, "POST")[0] for path in ("/offline", "/mode", "/readiness")] == [404, 404, 405]
    assert (status_of(place)["draining"], program.ours()) == (False, [])


def test_readiness_ends_with_the_first_signal_while_the_app_serves_on(place: Place) -> None:
    port = free_port()
    place.mesh.rules(("Lifecycle/default/web", LONG))
    program = place.start(*GUNICORN, SERVICE="web", PROBE="127.0.0.1:%d" % port, target="")
    ready(port, program)
    until(lambda: status_of(place).get("rules_version"), program.said)
    program.process.send_signal(signal.SIGTERM)
    until(lambda: ask(port, "/readiness") == (503, "not ready\n"), program.said)
    assert ask(port, "/health")[0] == 200
    served = exchange(status_of(place)["listeners"][0]["port"], PLAIN)
    assert served.endswith(b"plain")


@pytest.mark.slow
@pytest.mark.parametrize("command", [GUNICORN, UVICORN], ids=["forked", "spawned"])
def test_the_next_worker_opens_it_when_the_one_that_has_it_is_gone(place: Place, command: Sequence[str]) -> None:
    port = free_port()
    program = place.start(*command, SERVICE="web", PROBE="0.0.0.0:%d" % port, target="")
    ready(port, program)
    first = until(lambda: holder(port), program.said)
    assert first != program.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: holder(port) not in (None, first), program.said)
    ready(port, program)
    assert program.ours() == []


@pytest.mark.parametrize("server", sorted(COMMANDS))
def test_a_port_that_is_taken_is_said_once_and_opened_when_it_is_free(place: Place, server: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        program = place.start(*COMMANDS[server], SERVICE="web", PROBE="127.0.0.1:%d" % port, target="")
        until(program.ours, program.said)
        place.registered(program)
        assert exchange(program.port(), PLAIN).endswith(b"plain")
    ready(port, program)
    said = "meshrun: MESHRUN_PROBE: 127.0.0.1:%d is not opened: Address already in use" % port
    assert program.ours() == [said]


def test_a_program_without_a_name_or_a_state_folder_is_probed_too(place: Place) -> None:
    port = free_port()
    blocked = place.folder / "file"
    blocked.touch()
    program = place.start(*GUNICORN, PROBE="127.0.0.1:%d" % port, STATE_DIR=str(blocked / "state"), target="")
    ready(port, program)
    assert ["MESHRUN_PROBE" in line for line in program.ours()].count(True) == 0


def test_who_only_calls_others_opens_nothing(place: Place) -> None:
    port = free_port()
    place.mesh.service("stock")
    asker = place.start(str(APPS / "asker.py"), SERVICE="shop", PROBE="127.0.0.1:%d" % port)
    assert asker.tell("http://stock/") == "stock-0"
    status = until(lambda: status_of(place, asker), asker.said)
    assert (status["probe"], ask(port, "/health")) == (None, (0, ""))
    assert asker.end() == 0


def test_askers_who_say_nothing_disturb_neither_the_probe_nor_the_app(place: Place) -> None:
    port = free_port()
    program = place.start(*COMMANDS["uvicorn"], SERVICE="web", PROBE="127.0.0.1:%d" % port, target="")
    ready(port, program)
    before = status_of(place, program)
    app = before["listeners"][0]["port"]
    with contextlib.ExitStack() as exits:
        for data in [b"", b"GET /re", b"\0" * 9000, b"GET / HTTP/1.1\r\n" * 4] * 10:
            asker = exits.enter_context(socket.create_connection(("127.0.0.1", port)))
            with contextlib.suppress(ConnectionError):
                asker.sendall(data)
        assert exchange(app, PLAIN).endswith(b"plain")
        assert status_of(place, program)["registered"]
        ready(port, program)
    assert program.ours() == []


def test_neither_children_nor_daemons_keep_the_port(place: Place) -> None:
    port = free_port()
    text = APP + (
        "if os.fork() == 0:\n"
        "    signal.pause()\n"
        "import subprocess\n"
        "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], close_fds=False)\n"
        "sys.stdin.readline()\n"
        "keep = {0, 1, 2, server.fileno()}\n"
        "for number in set(range(3, 200)) - keep:\n"
        "    try:\n"
        "        os.close(number)\n"
        "    except OSError:\n"
        "        pass\n"
        "print('closed', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    program = place.start(place.script(text), SERVICE="web", PROBE="127.0.0.1:%d" % port)
    program.line()
    ready(port, program)
    assert holder(port) == program.process.pid
    assert program.tell("") == "closed"
    ready(port, program)
    assert holder(port) == program.process.pid
    assert program.ours() == []


def load(place: Place, number: int) -> None:
    """So many requests to the app, eight at a time."""
    port = status_of(place)["listeners"][0]["port"]
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: exchange(port, PLAIN), range(number)):
            assert answer.endswith(b"plain")


def served(text: str) -> int:
    """The requests that a page of metrics counts."""
    counted = sums.read(text).counters.items()
    return int(sum(value for key, value in counted if key.startswith('meshrun_requests_total{direction="inbound"')))


def heard(port: int) -> Tuple[int, int, int]:
    """Requests, processes that answered, and those that did not, as the probe's port says it."""
    text = ask(port, "/metrics")[1]
    gauges = sums.read(text).gauges
    yes, no = (int(gauges['meshrun_processes{answered="%s"}' % word]) for word in ("yes", "no"))
    return served(text), yes, no


def of_each(place: Place) -> Dict[int, int]:
    """The requests that each process itself counts, by pid."""
    found = {}
    for path in place.state.glob("*.sock"):
        with contextlib.suppress(ConnectionRefusedError), admin.connect(str(path), 20) as asking:
            asking.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            data = b""
            while b"\r\n\r\n" not in data or data[-1:] != b"\n":
                data += asking.recv(1 << 20)
            found[int(path.stem)] = served(data.decode().partition("\r\n\r\n")[2])
    return found


@pytest.mark.slow
def test_metrics_are_those_of_all_processes_and_fall_with_none_of_them(place: Place) -> None:
    port, admin_port = free_port(), free_port()
    program = place.start(
        *THREE, SERVICE="web", PROBE="127.0.0.1:%d" % port, ADMIN="127.0.0.1:%d" % admin_port, ADMIN_TOKEN=TOKEN,
        target="",
    )  # fmt: skip
    ready(port, program)
    until(lambda: heard(port)[1] == 3, program.said)
    load(place, 300)
    until(lambda: heard(port) == (300, 3, 0), program.said)
    each = of_each(place)
    assert (len(each), sum(each.values()), max(each.values()) < 300) == (3, 300, True)
    request = urllib.request.Request(
        "http://127.0.0.1:%d/metrics" % admin_port, headers={"Authorization": "Bearer " + TOKEN}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert served(answer.read().decode()) == 300

    asked = holder(port)
    others = [pid for pid in each if pid != asked]
    stop(others[0])
    assert heard(port) == (300, 2, 1)
    os.kill(others[0], signal.SIGKILL)
    until(lambda: heard(port)[1:] == (3, 0), program.said)
    load(place, 100)
    until(lambda: heard(port) == (400, 3, 0), program.said)

    assert asked is not None
    os.kill(asked, signal.SIGKILL)
    until(lambda: holder(port) not in (None, asked), program.said)
    until(lambda: heard(port) == (400, 3, 0), program.said)
    load(place, 100)
    until(lambda: heard(port) == (500, 3, 0), program.said)
    assert program.ours() == []
    program.process.terminate()
    program.process.wait(60)
    assert [path.name for path in place.state.iterdir() if ".counts" in path.name] == []


def stop(pid: int) -> None:
    """SIGSTOP, and wait until each thread has stopped: until then one may still answer."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path("/proc/%d/task" % pid)
    until(lambda: all("State:\tT" in (one / "status").read_text() for one in threads.iterdir()))


def test_a_process_that_is_silent_keeps_nobody_else_waiting(place: Place) -> None:
    port = free_port()
    program = place.start(*GUNICORN, SERVICE="web", PROBE="127.0.0.1:%d" % port, target="")
    ready(port, program)
    until(lambda: heard(port)[1] == 2, program.said)
    silent = next(pid for pid in of_each(place) if pid != holder(port))
    stop(silent)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(heard, port) for _ in range(3)]
        assert [ask(port, "/readiness")[0] for _ in range(3)] == [200] * 3
        assert {answer.result()[1:] for answer in answers} == {(1, 1)}
    os.kill(silent, signal.SIGCONT)
    until(lambda: heard(port)[1:] == (2, 0), program.said)
    assert program.ours() == []


def commands() -> List[List[str]]:
    """The calls of curl that the page shows."""
    page = (ROOT / "docs" / "probes.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\$ (curl .*)$", page, re.MULTILINE)
    assert len(lines) == 5
    return [shlex.split(line.replace("$MESHRUN_ADMIN_TOKEN", TOKEN), comments=True) for line in lines]


def test_the_page_on_probes_shows_what_works(place: Place) -> None:
    probe, admin = free_port(), free_port()
    program = place.start(
        *COMMANDS["aiohttp"], SERVICE="web", PROBE="0.0.0.0:%d" % probe, ADMIN="127.0.0.1:%d" % admin,
        ADMIN_TOKEN=TOKEN, target="",
    )  # fmt: skip
    ready(probe, program)
    said = []
    place.meshctl("ready")
    for shown in commands():
        words = [word.replace("55199", str(probe)).replace("55200", str(admin)) for word in shown]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        said.append(done.stdout)
    assert said[:2] == ["ready\n", "ok\n"]
    assert ("meshrun_mode" in said[2], '"registered": true' in said[3]) == (True, True)
    assert said[4] == '{"draining": true}\n'
    until(lambda: ask(probe, "/readiness")[0] == 503, program.said)
    place.meshctl("ready", status=1)


def test_both_families_are_served_where_all_addresses_are_named(place: Place) -> None:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    port = free_port()
    program = place.start(*COMMANDS["aiohttp"], SERVICE="web", PROBE="[::]:%d" % port, target="")
    ready(port, program)
    assert ask(port, "/health", host="[::1]")[0] == 200
