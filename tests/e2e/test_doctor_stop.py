"""What `meshctl doctor` says of servers that a stop does not reach, and that it is so."""

from __future__ import annotations

import json
import os
import signal
from typing import Any, Dict, List

import pytest

from meshrun.cli import proc, processes
from tests.contract.ports import free_port
from tests.contract.running import NO_CONTROL, QUICK, until
from tests.e2e.place import Place, Program, exchange, status_of

FORKS = """
import asyncio, sys
from tornado import httpserver, netutil, process, web

class Plain(web.RequestHandler):
    def get(self):
        self.finish("hi")

async def serve(sockets):
    httpserver.HTTPServer(web.Application([("/.*", Plain)])).add_sockets(sockets)
    await asyncio.Event().wait()

sockets = netutil.bind_sockets(int(sys.argv[1]), "127.0.0.1")
if len(sys.argv) > 2:
    import os, signal
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
process.fork_processes(2)
asyncio.run(serve(sockets))
"""
SUPERVISOR = """
import os, subprocess, sys
environ = dict(os.environ, SUPERVISOR_ENABLED="1", SUPERVISOR_PROCESS_NAME="web")
print(subprocess.Popen([sys.executable, "app.py", "0"], env=environ).pid, flush=True)
sys.stdin.read()
"""
THREAD = """
import sys, threading
if "import" in sys.argv:
    import werkzeug.serving

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"hi"]

def serve():
    from werkzeug.serving import make_server
    make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True).serve_forever()

serving = threading.Thread(target=serve, daemon=True)
serving.start()
if "poll" in sys.argv:
    while serving.is_alive():
        serving.join(0.1)
serving.join()
"""


def checks(place: Place, pid: int) -> Dict[str, Any]:
    """The checks of `doctor --pid`, by name; its exit status says whether one is wrong."""
    words = ("doctor", "--pid", str(pid), "-o", "json")
    try:
        found = json.loads(place.meshctl(*words))
    except AssertionError:
        found = json.loads(place.meshctl(*words, status=1))
    return {one["name"]: one for one in found["checks"]}


def said(check: Any) -> Any:
    return check["state"], check["code"]


def workers(place: Place, root: int, number: int = 2) -> List[int]:
    """The workers of a root, as soon as all of them serve."""

    def serving() -> List[int]:
        folder = (str(place.state),)
        found = [one for one in processes.live(folder, os.geteuid()) if proc.parent(one.pid) == root]
        ready = [one.pid for one in found if one.status and one.pid in one.status["workers"]]
        return ready if len(ready) == number else []

    found: List[int] = until(serving)
    return found


@pytest.fixture
def free() -> str:
    """A port that nobody listens on."""
    return str(free_port())


def answers(port: str) -> bool:
    try:
        return exchange(int(port), b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    except ConnectionRefusedError:
        return False


def test_workers_that_tornado_forked_serve_on_when_their_parent_ends_and_it_is_said(place: Place, free: str) -> None:
    place.rule_file("web.yaml").write_text(QUICK, encoding="utf-8")
    program = place.start(place.script(FORKS), free, SERVICE="web")
    root = program.process.pid
    place.registered(program)
    pids = workers(place, root)
    for pid in (root, *pids):
        found = checks(place, pid)
        assert said(found["workers"]) == ("note", "MR7018")
        assert "SIGTERM to process %d" % root in found["workers"]["what"]
    assert checks(place, root)["process"]["what"].startswith("waits for its workers, which answer: pids ")
    os.kill(root, signal.SIGTERM)
    assert program.process.wait(60) == -signal.SIGTERM
    assert answers(free)
    found = checks(place, pids[0])
    assert (said(found["workers"]), "it serves on" in found["workers"]["what"]) == (("wrong", "MR7018"), True)
    os.killpg(root, signal.SIGTERM)
    until(lambda: not answers(free))


def test_a_signal_to_the_group_ends_all_that_tornado_forked(place: Place, free: str) -> None:
    place.rule_file("web.yaml").write_text(QUICK, encoding="utf-8")
    program = place.start(place.script(FORKS), free, SERVICE="web")
    place.registered(program)
    workers(place, program.process.pid)
    os.killpg(program.process.pid, signal.SIGTERM)
    program.process.wait(60)
    until(lambda: not answers(free))
    assert place.records() == []


@pytest.mark.parametrize(("group", "state"), [("true", ("ok", None)), ("false", ("wrong", "MR7018"))])
def test_a_manager_that_signals_the_group_is_enough(place: Place, group: str, state: Any) -> None:
    place.script(FORKS)
    conf = "[program:web]\ncommand=python app.py\nstopwaitsecs=60\nstopasgroup=%s\n" % group
    (place.folder / "super.conf").write_text(conf, encoding="utf-8")
    manager = place.start(place.script(SUPERVISOR, "supervisord"), "-c", "super.conf", SERVICE="web")
    root = int(manager.line())
    for pid in (root, *workers(place, root)):
        assert said(checks(place, pid)["workers"]) == state


def test_a_parent_that_ends_its_workers_is_not_named(place: Place, free: str) -> None:
    own = place.start(place.script(FORKS), free, "handler", SERVICE="web")
    (place.folder / "wsgi.py").write_text("def app(environ, start):\n    start('200 OK', [])\n    return [b'hi']\n")
    words = ("-m", "gunicorn", *NO_CONTROL, "--workers", "2", "--bind", "127.0.0.1:0", "wsgi:app")
    gunicorn = place.start(*words, SERVICE="shop")
    for program in (own, gunicorn):
        for pid in (program.process.pid, *workers(place, program.process.pid)):
            assert {"workers", "signals"} & set(checks(place, pid)) == set()


def _thread(place: Place, port: str, *words: str) -> Program:
    program = place.start(place.script(THREAD), port, *words, SERVICE="web", PORT=port)
    place.registered(program)
    until(lambda: status_of(place, program).get("registered"))
    return program


def test_a_server_in_a_side_thread_whose_stop_nothing_holds_is_named(place: Place, free: str) -> None:
    program = _thread(place, free)
    found = checks(place, program.process.pid)
    assert said(found["signals"]) == ("wrong", "MR7019")
    program.process.terminate()
    assert program.process.wait(60) == -signal.SIGTERM
    assert len(place.records()) == 1  # nobody told the registry


@pytest.mark.parametrize("mended", ["import", "poll"])
def test_a_server_in_a_side_thread_drains_where_the_main_one_has_a_handler(
    place: Place, free: str, mended: str
) -> None:
    place.rule_file("web.yaml").write_text(QUICK, encoding="utf-8")
    program = _thread(place, free, mended)
    until(lambda: "signals" not in checks(place, program.process.pid))
    program.process.terminate()
    assert program.process.wait(60) == -signal.SIGTERM
    assert place.records() == []


def test_a_server_in_a_side_thread_whose_port_nobody_named_is_said_to_be_unregistered(place: Place, free: str) -> None:
    program = place.start(place.script(THREAD), free, SERVICE="web")
    until(lambda: answers(free))
    until(lambda: status_of(place, program))
    words = ("doctor", "--pid", str(program.process.pid))
    assert "not registered: no hooked server listens (MR6003)" in place.meshctl(*words)
    assert "counts where MESHRUN_PORT names its port" in place.meshctl(*words)
    assert "counts where MESHRUN_PORT names its port" in place.meshctl("status")
