"""Who may operate a process: root and its own user on the Unix socket, whoever has the token on TCP."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from typing import Mapping, Optional, Tuple

import pytest

from tests.contract.ports import free_port
from tests.contract.running import until
from tests.e2e.place import NOBODY, Place, Program, status_of
from tests.e2e.test_modes_server import COMMANDS
from tests.e2e.test_probe import GUNICORN, ask

TOKEN = "hush-4711-hush"
ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as asking:
    asking.settimeout(20)
    asking.connect(sys.argv[1])
    try:
        asking.sendall(b"GET /health HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        print(asking.recv(15).decode() or "nothing")
    except ConnectionError:
        print("nothing")
"""


def call(
    port: int, method: str, path: str, body: Optional[object] = None, *, token: Optional[str] = TOKEN, **headers: str
) -> Tuple[int, str]:
    """Status and body."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        given: Mapping[str, str] = {} if token is None else {"Authorization": "Bearer " + token}
        connection.request(method, path, None if body is None else json.dumps(body), {**given, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def opened(place: Place, *command: str, **settings: str) -> Tuple[Program, int]:
    """A server with the admin API on a port."""
    port = free_port()
    settings = {"SERVICE": "web", "ADMIN": "127.0.0.1:%d" % port, "ADMIN_TOKEN": TOKEN, **settings}
    program = place.start(*(command or COMMANDS["aiohttp"]), bare=False, target="", **settings)
    until(lambda: ask(port, "/health")[0] == 401, program.said)
    return program, port


def test_the_whole_api_answers_to_the_token(place: Place) -> None:
    place.mesh.service("stock")
    program, port = opened(place, *GUNICORN, DRAIN_SECONDS="0")
    place.registered(program)
    assert [call(port, "GET", path)[0] for path in ("/readiness", "/health", "/status", "/metrics")] == [200] * 4
    assert json.loads(call(port, "GET", "/status")[1])["admin"] == "127.0.0.1:%d" % port
    question = {"from": "web", "to": "stock"}
    assert json.loads(call(port, "POST", "/explain", question)[1])["reason"] == "baseline"
    assert json.loads(call(port, "POST", "/mode", {"mode": "carry"})[1])["mode"] == "carry"
    until(lambda: status_of(place)["mode"] == "carry", program.said)
    assert call(port, "POST", "/offline")[0] == 200
    until(lambda: not place.records(), program.said)
    assert call(port, "GET", "/readiness")[0] == 503
    assert program.ours() == []


def test_nobody_else_changes_or_sees_anything(place: Place) -> None:
    program, port = opened(place)
    for method, path in (("GET", "/status"), ("GET", "/health"), ("POST", "/offline"), ("POST", "/nothing")):
        assert call(port, method, path, token=None)[0] == 401
        assert call(port, method, path, token=TOKEN[:-1])[0] == 401
        assert call(port, method, path, Host="evil.example:%d" % port)[0] == 403
        assert call(port, method, path, token=None, Cookie="token=" + TOKEN)[0] == 401
    seen = status_of(place, program)
    assert (seen["draining"], seen["errors"], program.ours()) == (False, {}, [])


@pytest.mark.parametrize("server", sorted(COMMANDS))
def test_it_is_not_opened_without_a_token_and_that_is_said_once(place: Place, server: str) -> None:
    admin, probe = free_port(), free_port()
    program = place.start(
        *COMMANDS[server], SERVICE="web", ADMIN="127.0.0.1:%d" % admin, PROBE="127.0.0.1:%d" % probe, target=""
    )
    until(lambda: ask(probe, "/readiness")[0] == 200, program.said)
    until(program.ours, program.said)
    said = "meshrun: MESHRUN_ADMIN: 127.0.0.1:%d is not opened: MESHRUN_ADMIN_TOKEN is missing" % admin
    assert (ask(admin, "/health"), program.ours()) == ((0, ""), [said])


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "10.1.2.3"])
def test_it_is_not_opened_for_other_machines(place: Place, address: str) -> None:
    admin, probe = free_port(), free_port()
    program = place.start(
        *COMMANDS["aiohttp"], SERVICE="web", ADMIN="%s:%d" % (address, admin), ADMIN_TOKEN=TOKEN,
        PROBE="127.0.0.1:%d" % probe, target="",
    )  # fmt: skip
    until(lambda: ask(probe, "/readiness")[0] == 200, program.said)
    (line,) = program.ours()
    assert line.startswith("meshrun: MESHRUN_ADMIN: '%s:%d' (environment): expected a loopback" % (address, admin))
    assert ask(admin, "/health") == (0, "")
    assert TOKEN not in program.said()


def test_a_secret_that_the_process_was_given_shows_nowhere(place: Place) -> None:
    text = (
        "import asyncio, sys\n"
        "from aiohttp import web\n"
        "web.run_app(web.Application(), host='127.0.0.1', port=0, print=None)\n"
    )
    words = ("--db-password", "hunter2", "--dsn=postgres://u:hunter2@h/db", "--api-key=hunter2", "--mine", TOKEN)
    program, port = opened(place, place.script(text), *words, STORE="etcd://u:hunter2@127.0.0.1:1/mesh")
    status = call(port, "GET", "/status")[1]
    assert (" --db-password *** " in status, "etcd://u:***@" in status, '"errors"' in status) == (True, True, True)
    seen = [status, call(port, "GET", "/metrics")[1], call(port, "POST", "/explain", {})[1], program.said()]
    seen.append(json.dumps(status_of(place, program)))
    seen.append(place.meshctl("status", status=1))
    seen.append(place.meshctl("status", "-o", "json", status=1))
    assert [text for text in seen if "hunter2" in text or TOKEN in text] == []


def test_the_unix_socket_hears_its_own_user_and_root_alone(place: Place) -> None:
    setpriv = shutil.which("setpriv")
    if os.geteuid() or setpriv is None:
        pytest.skip("only root can ask as another user, by setpriv")
    program = place.start(*COMMANDS["aiohttp"], SERVICE="web", target="")
    place.registered(program)
    path = place.state / ("%d.sock" % program.process.pid)
    place.state.chmod(0o755)  # whatever the modes say
    path.chmod(0o666)
    script = place.script(ASK, "ask.py")
    may = "+dac_read_search"
    other = (
        setpriv, "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups", "--inh-caps=" + may,
        "--ambient-caps=" + may,
    )  # fmt: skip

    def asked(*prefix: str) -> str:
        words = [*prefix, sys.executable, "-S", "-E", script, str(path)]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    assert (asked(*other), asked()) == ("nothing", "HTTP/1.1 200 OK")
    assert status_of(place, program)["errors"] == {}


def test_the_user_to_whom_a_process_changed_may_ask_it(place: Place) -> None:
    setpriv = shutil.which("setpriv")
    if os.geteuid() or setpriv is None:
        pytest.skip("only root can ask as another user, by setpriv")
    port = free_port()
    text = (
        "import os, socket\n"
        "import meshrun.hook as hook\n"
        "server = socket.socket()\n"
        "server.bind(('127.0.0.1', 0))\n"
        "server.listen(1)\n"
        "hook.listening(*server.getsockname())\n"
        "hook.ready()\n"
        "print('serves', flush=True)\n"
        "input()\n"
        "os.setgid(%d)\n"
        "os.setuid(%d)\n"
        "print('changed', flush=True)\n"
        "input()\n"
    ) % (NOBODY, NOBODY)
    program = place.start(place.script(text), SERVICE="web", PROBE="127.0.0.1:%d" % port)
    assert program.line() == "serves"
    until(lambda: ask(port, "/health")[0] == 200, program.said)
    assert program.tell("") == "changed"
    path = place.state / ("%d.sock" % program.process.pid)
    place.state.chmod(0o755)
    path.chmod(0o666)
    words = [setpriv, "--reuid=%d" % NOBODY, "--clear-groups", "--inh-caps=+dac_read_search",
             "--ambient-caps=+dac_read_search", sys.executable, "-S", "-E", place.script(ASK, "ask.py"),
             str(path)]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "HTTP/1.1 200 OK"
    assert status_of(place, program)["pid"] == program.process.pid
