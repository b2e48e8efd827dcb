"""Servers as the first process of a container, to which the kernel gives no default action: they drain and end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Sequence

import pytest

from tests.contract import test_django
from tests.contract.running import NO_CONTROL, Running, Stage, stage
from tests.contract.stages import draining

pytestmark = pytest.mark.slow
NAMESPACE = ("--pid", "--fork", "--mount-proc", "--kill-child")
SERVE = ("-m", "tests.contract.apps.serve")
WSGI, ASGI = "tests.contract.apps.wsgi:application", "tests.contract.apps.asgi:application"
WITHOUT_A_HANDLER = {
    **{name: (*SERVE, name) for name in ("waitress", "werkzeug", "wsgiref", "django")},
    "tornado": ("-m", "tests.contract.apps.tornado_app", "run"),
    "gevent": ("-m", "tests.contract.apps.gevent_app", "serve"),
}
WITH_ONE = {
    "gunicorn": ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--threads", "2", WSGI),
    "uvicorn": ("-m", "uvicorn", "--port", "0", ASGI),
    "aiohttp": ("-m", "tests.contract.apps.aio", "run_app"),
    "hypercorn": ("-m", "tests.contract.apps.hyper", "asgi"),
}


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> str:
    """The program that makes them."""
    found = shutil.which("unshare")
    works = found and subprocess.run([found, *NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    if not found or not works:
        if os.environ.get("MESHRUN_CI") == "1" and os.geteuid() == 0:
            raise AssertionError("no process namespaces here")
        pytest.skip("no process namespaces here: that needs root and util-linux")
    return found


@pytest.fixture
def on() -> Iterator[Stage]:
    """A stage for any of them."""
    with stage(()) as made:
        yield made


def command(namespaces: str, server: Sequence[str], python: str = sys.executable) -> Sequence[str]:
    """Of a server that is PID 1."""
    return (namespaces, *NAMESPACE, python, *server)


def kill(running: Running, signum: int) -> None:
    """Signal the server, whose parent `unshare` is."""
    pid = running.process.pid
    os.kill(int(Path("/proc/%d/task/%d/children" % (pid, pid)).read_text()), signum)


def interpreter(name: str) -> str:
    """One that has the library; without it the test is skipped."""
    if name == "django":
        return test_django.python()
    if name != "wsgiref":
        pytest.importorskip(name)
    return sys.executable


@pytest.mark.parametrize("name", sorted({**WITHOUT_A_HANDLER, **WITH_ONE}))
def test_it_serves_to_the_end_and_exits(on: Stage, namespaces: str, name: str) -> None:
    python = interpreter(name)
    server = {**WITHOUT_A_HANDLER, **WITH_ONE}[name]
    if name in WITH_ONE:
        bare = on.start(bare=True, command=command(namespaces, server))
        bare.get("/")
        kill(bare, signal.SIGTERM)
        code = bare.exit_code()
    else:
        code = 128 + signal.SIGTERM
    running = on.start(command=command(namespaces, server, python))
    on.registered(running)
    assert running.status()["pid"] == 1 or name == "gunicorn"
    with draining(on, running, code, lambda: kill(running, signal.SIGTERM)):
        assert running.get("/").status == 200


def test_a_program_that_serves_nothing_ignores_the_signal_as_bare(on: Stage, namespaces: str) -> None:
    interpreter("waitress")
    program = "import sys, time, waitress; print('http://127.0.0.1:1', flush=True); sys.stdin.read(); time.sleep(2)"
    code = {}
    for bare in (True, False):
        running = on.start(bare=bare, command=command(namespaces, ("-c", program)), PORT="8000")
        assert running.port == 1
        kill(running, signal.SIGTERM)
        code[bare] = running.exit_code()
    assert code == {True: 0, False: 0}
