"""Programs that fork, replace handlers, close descriptors, leave without a word or are killed."""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import Any

import pytest

from tests.contract.running import until
from tests.e2e.place import APPS, Place, Program, exchange, status_of

ASKER, FRONT, SIGNALS, FORKS = (str(APPS / name) for name in ("asker.py", "front_aiohttp.py", "signals.py", "forks.py"))


def get(port: int, path: str) -> bytes:
    return exchange(port, b"GET %s HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n" % path.encode())


def test_a_client_that_forks_calls_from_both_sides(place: Place) -> None:
    """Before its first call, after it, twice in a row, out of threads that call, by a pool of multiprocessing."""
    (stock,) = place.mesh.service("stock")
    bare = place.run(FORKS, "http://%s:%d/" % stock.address, bare=True)
    assert bare.status == 0, bare.err
    assert "stock-0" in bare.out
    assert place.run(FORKS, "http://stock/") == bare


@pytest.mark.parametrize("server", ["gunicorn", "gunicorn --preload", "uvicorn", "aiohttp"])
def test_a_served_request_that_forks(place: Place, server: str) -> None:
    """The child calls a service and ends; the worker serves on, registered once, with nothing left in flight."""
    (stock,) = place.mesh.service("stock")
    words = {
        "gunicorn": ("-m", "gunicorn", "-b", "127.0.0.1:0", "--no-control-socket", "--chdir", str(APPS), "forking"),
        "uvicorn": ("-m", "uvicorn", "--port", "0", "--app-dir", str(APPS), "--log-level", "error", "forking:asgi"),
        "aiohttp": (str(APPS / "forking.py"),),
    }[server.split(maxsplit=1)[0]]  # fmt: skip
    program = place.start(*words, *server.split()[1:], SERVICE="web", DRAIN_SECONDS="0")
    place.registered(program)
    for _ in range(3):
        answer = get(program.port(), "/fork")
        assert answer.endswith(b"\r\n\r\nchild 0"), answer + program.said().encode()
    assert [call.header("x-meshrun-caller") for call in stock.seen] == [["web.default"]] * 6
    until(lambda: status_of(place).get("inflight") == 0, lambda: str(status_of(place)))
    assert len(place.records()) == 1
    assert program.ours() == []
    program.process.terminate()
    program.process.wait(60)
    assert place.records() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_client_with_handlers_of_its_own_reads_them_back_and_ends_by_them(
    place: Place, number: signal.Signals, when: str
) -> None:
    """It registered nothing and serves nothing: its handlers are its own, at once."""
    (stock,) = place.mesh.service("stock")
    outcomes = []
    for bare in (True, False):
        url = "http://%s:%d/" % stock.address if bare else "http://stock/"
        program = place.start(SIGNALS, when, url, bare=bare)
        lines = [program.line()]
        while lines[-1] != "ready":
            lines.append(program.line())
        program.process.send_signal(number)
        assert program.process.stdout is not None
        outcomes.append((lines, program.process.stdout.read(), program.process.wait(60), program.ours()))
    assert outcomes[0] == outcomes[1]
    assert "stock-0" in outcomes[0][0]


def test_an_app_that_waits_for_its_signals_itself_gets_them(place: Place) -> None:
    """Blocked signals and sigwait, as in programs with a thread for signals."""
    text = (
        "import signal, requests\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "try:\n    requests.get('http://stock/', timeout=10)\nexcept requests.RequestException:\n    pass\n"
        "print('ready', flush=True)\n"
        "print(signal.sigwait([signal.SIGTERM]))\n"
    )
    place.mesh.service("stock")
    program = place.start(place.script(text))
    assert program.line() == "ready"
    program.process.terminate()
    assert program.line() == "15" or program.line().endswith("SIGTERM")
    assert program.end() == 0


def test_a_client_that_leaves_by_os_exit_leaves_as_bare(place: Place) -> None:
    text = (
        "import os, sys, threading, requests\n"
        "print(requests.get(sys.argv[1], timeout=10).json()['server'], flush=True)\n"
        "print(sorted(thread.name for thread in threading.enumerate()), flush=True)\n"
        "os._exit(7)\n"
    )
    (stock,) = place.mesh.service("stock")
    script = place.script(text)
    bare = place.run(script, "http://%s:%d/" % stock.address, bare=True)
    assert bare.status == 7
    assert place.run(script, "http://stock/") == bare


def test_an_interpreter_that_minds_bytes_and_warnings_minds_nothing_of_ours(place: Place) -> None:
    """``-bb``: comparing text with bytes is an error; libraries spell names of headers as the one or the other."""
    place.mesh.service("stock")
    text = (
        "import asyncio, aiohttp, httpx, requests\n"
        "HEADERS = {'baggage': 'lane=gray', 'X-Own': '1'}\n"
        "async def ask():\n"
        "    async with aiohttp.ClientSession() as session, session.get('http://stock/', headers=HEADERS) as answer:\n"
        "        print(answer.status)\n"
        "print(requests.get('http://stock/', headers=HEADERS, timeout=10).status_code)\n"
        "print(httpx.get('http://stock/', headers=HEADERS).status_code)\n"
        "print(requests.get('http://stock/', headers=HEADERS, timeout=10).status_code)\n"
        "asyncio.run(ask())\n"
    )
    words = ("-bb", "-W", "error::BytesWarning", "-W", "error::ResourceWarning", place.script(text))
    assert place.run(*words) == (0, "200\n" * 4, "")


STREAMS = {
    "closed by the shell": ('exec 2>&-; exec "$@"', ""),
    "all closed by the shell": ('exec 0<&- 1>&- 2>&-; exec "$@"', ""),
    "full": ('exec 2>/dev/full; exec "$@"', ""),
    "closed": ('exec "$@"', "sys.stderr.close()"),
    "none": ('exec "$@"', "sys.stderr = None"),
    "its descriptor closed": ('exec "$@"', "os.close(2)"),
    "an object of the app": ('exec "$@"', "sys.stderr = object()"),
    "one that raises": ('exec "$@"', "sys.stderr = Angry()"),
}


@pytest.mark.parametrize("how", STREAMS)
def test_an_app_without_a_stderr_is_not_disturbed_by_what_we_have_to_say(place: Place, how: str) -> None:
    """The store cannot be used, which has to be said."""
    shell, line = STREAMS[how]
    (stock,) = place.mesh.service("stock")
    text = (
        "import os, sys\n"
        "class Angry:\n    def __getattr__(self, name):\n        raise BlockingIOError(11, name)\n"
        "%s\n"
        "import requests\n"
        "word = requests.get('http://%s:%d/', timeout=10).json()['server']\n"
        "with open('result-' + sys.argv[1], 'w') as file:\n    file.write(word)\n"
        "os._exit(7 if word == 'stock-0' else 8)\n"
    ) % (line, *stock.address)
    script = place.script(text)
    prefix = ("sh", "-c", shell, "sh")
    assert place.run(script, "bare", prefix=prefix, bare=True)[:2] == (7, "")
    assert place.run(script, "ours", prefix=prefix, STORE="file:/proc/none/store", CARRY="@", FOO="1")[:2] == (7, "")
    assert (place.folder / "result-ours").read_bytes() == (place.folder / "result-bare").read_bytes() == b"stock-0"


def test_an_app_that_closes_every_descriptor_calls_and_is_looked_into_as_before(place: Place) -> None:
    """As programs do that become daemons: our descriptors are gone, their numbers are the app's."""
    text = (
        "import os, sys, requests\n"
        "def ask():\n    return requests.get('http://stock/', timeout=10).json()['server']\n"
        "print(ask(), flush=True)\n"
        "sys.stdin.readline()\n"
        "os.closerange(3, 512)\n"
        "mine = [open('mine-%d' % number, 'w') for number in range(20)]\n"
        "print(ask(), flush=True)\n"
        "for file in mine:\n"
        "    sys.stdin.readline()\n"
        "    file.write('mine'); file.close()\n"
        "    print(ask(), flush=True)\n"
    )
    place.mesh.service("stock")
    program = place.start(place.script(text))
    assert program.line() == "stock-0"
    until(lambda: status_of(place, program), program.said)
    assert program.tell("") == "stock-0"
    until(lambda: status_of(place, program), program.said)
    assert {program.tell("") for _ in range(20)} == {"stock-0"}
    assert program.end() == 0
    assert {path.read_text() for path in place.folder.glob("mine-*")} == {"mine"}
    assert program.said() == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0\xff" * 100_000,
        b"GET /status HTTP/1.1\r\nContent-Length: \xc2\xb2\r\n\r\n",
        b"POST /explain HTTP/1.0\r\nContent-Length: 50000\r\n\r\n" + b"[" * 50_000,
        b"POST /explain HTTP/1.0\r\nContent-Length: 4\r\n\r\nnull",
        b"POST /explain HTTP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        b"DELETE /../../etc/passwd\r\n\r\n",
    ],
)
def test_nonsense_on_the_admin_socket_disturbs_nobody(place: Place, data: bytes) -> None:
    place.mesh.service("stock")
    client = place.start(ASKER)
    assert client.tell("http://stock/") == "stock-0"
    until(lambda: status_of(place, client), client.said)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(20)
        asking.connect(str(place.state / ("%d.sock" % client.process.pid)))
        with contextlib.suppress(ConnectionError):
            asking.sendall(data)
            asking.shutdown(socket.SHUT_WR)
            while asking.recv(65536):
                pass
    until(lambda: status_of(place, client), client.said)
    assert client.tell("http://stock/") == "stock-0"
    assert client.end() == 0
    assert "Traceback" not in client.said()


def stock(place: Place, version: str) -> Program:
    return place.start(str(APPS / "leaving.py"), SERVICE="stock", TAGS="version=" + version)


@pytest.mark.slow
def test_callers_leave_instances_that_are_killed_at_once_and_the_lease_removes_them(place: Place) -> None:
    """One by SIGKILL, one by os._exit in a request; a third goes on. No call fails, and nobody waits for the lease."""
    killed, left, kept = (stock(place, name) for name in ("killed", "left", "kept"))
    place.registered(kept, "stock", 3)
    client = place.start(ASKER)
    seen = {client.tell("http://stock/") for _ in range(60)}
    assert seen == {"killed", "left", "kept"}
    killed.process.send_signal(signal.SIGKILL)
    killed.process.wait(60)
    with contextlib.suppress(OSError):
        get(left.port(), "/leave")
    assert left.process.wait(60) == 7
    assert [client.tell("http://stock/") for _ in range(60)] == ["kept"] * 60
    assert len(place.records("stock")) == 3  # nobody could say that they are gone
    place.registered(kept, "stock", 1)
    shown: Any = place.meshctl("status")
    assert "version=kept" in shown
    assert "version=killed" not in shown
    assert "version=left" not in shown
    assert client.tell("http://stock/") == "kept"
    assert client.ours() == kept.ours() == []
