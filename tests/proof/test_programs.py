"""Real programs, bare and under meshrun: everything that can be observed of them is the same."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import Iterator, Mapping

import pytest

from tests.contract.running import NO_CONTROL

from . import observed
from .running import Program, Proof, Server

LIBRARIES = ("urllib", "urllib3", "requests", "httpx", "aiohttp")
WAYS_TO_END = (
    "nothing", "status", "text", "none", "uncaught", "own-hook", "interrupt", "at-once", "terminated", "killed",
    "unraisable", "thread", "deep", "cancelled", "never-seen", "logged", "warned", "closed",
)  # fmt: skip
CLIENTS = ("urllib3", "urllib3.connectionpool", "urllib3.connection", "requests", "httpx", "httpcore", "aiohttp")
SERVERS = ("aiohttp.web", "uvicorn", "uvicorn.server", "gunicorn.app.base", "gunicorn.arbiter", "gunicorn.workers.sync")
PYTHONS_OWN = (
    "asyncio", "signal", "threading", "concurrent.futures.thread", "concurrent.futures.process", "multiprocessing",
    "multiprocessing.process", "multiprocessing.pool",
)  # fmt: skip


def ask(server: Server) -> None:
    """All sorts of requests, good and bad, each on a connection of its own; then the usual end."""
    lines = b"GET %s HTTP/1.1\r\nHost: web\r\nX-Gray: 1\r\nConnection: close\r\n\r\n"
    server.ask(
        lines % b"/",
        b"POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc"
        b"GET /leaves HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n",
        lines % b"/stream",
        lines % b"/fails",
        lines % b"/missing",
        b"GET / HTTP/1.0\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    server.end()


def interrupt(server: Server) -> None:
    """One request, then Ctrl-C."""
    server.ask(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    server.end(signal.SIGINT)


def gunicorn(*words: str, app: str = "serve_wsgi:app") -> Program:
    """A server under gunicorn, with one worker: which of several answers is chance."""
    command = ("bin/gunicorn", *NO_CONTROL, "-b", "127.0.0.1:0", "--chdir", "{apps}", *words, app)
    return Program(command, calls=True, drive=ask)


def uvicorn(*words: str) -> Program:
    """A server under uvicorn."""
    command = ("python", "-m", "uvicorn", "--port", "0", "--app-dir", "{apps}", *words, "serve_asgi:app")
    return Program(command, calls=True, drive=ask)


def python(*words: str, calls: bool = False, given: str = "") -> Program:
    """A program of ours, or a tool of Python."""
    named = tuple("{apps}/" + word if word.endswith(".py") else word for word in words)
    return Program(("python", *named), calls=calls, given=given)


PROGRAMS: Mapping[str, Program] = {
    **{"ends: " + way: python("exits.py", way) for way in WAYS_TO_END},
    **{"calls: " + name: python("clients.py", name, "{port}", calls=True) for name in LIBRARIES},
    **{
        "calls, strictly: " + name: python("-W", "error", "-X", "dev", "-bb", "clients.py", name, "{port}", calls=True)
        for name in ("requests", "httpx", "aiohttp")
    },
    "work": python("work.py"),
    "work, optimised": python("-OO", "-B", "-u", "work.py"),
    "children": python("processes.py", "children"),
    "forks": python("processes.py", "forks"),
    **{"pools: " + way: python("processes.py", "pools", way) for way in ("fork", "spawn", "forkserver")},
    **{"signals: " + way: python("signals.py", way) for way in ("plain", "asyncio", "uvloop", "interrupted", "ends")},
    "API of clients": python("api.py", *CLIENTS),
    "API of servers": python("api.py", *SERVERS),
    "API of Python's own": python("api.py", *PYTHONS_OWN),
    "flask": Program(("python", "-u", "{apps}/serve_wsgi.py"), calls=True, drive=ask),
    "flask, Ctrl-C": Program(("python", "-u", "{apps}/serve_wsgi.py"), calls=True, drive=interrupt),
    "http.server": Program(("python", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"), drive=ask),
    "gunicorn": gunicorn(),
    "gunicorn, preload": gunicorn("--preload", "--access-logfile", "-"),
    "gunicorn, gthread": gunicorn("-k", "gthread"),
    "gunicorn, uvicorn's worker": gunicorn("-k", "uvicorn.workers.UvicornWorker", app="serve_asgi:app"),
    "uvicorn": uvicorn(),
    "uvicorn, h11": uvicorn("--http", "h11", "--loop", "asyncio"),
    "a server inside a program, twice": python("serve_twice.py", calls=True),
    "aiohttp.web": Program(("python", "-u", "{apps}/serve_aiohttp.py"), calls=True, drive=ask),
    "aiohttp.web, Ctrl-C": Program(("python", "-u", "{apps}/serve_aiohttp.py"), calls=True, drive=interrupt),
    "a tool of Python": python("-m", "json.tool", given='{"a": [1, 2]}'),
    "the interactive interpreter": python(
        "-i", "-q", calls=True, given="import requests\n1/0\nrequests.get\nundefined\n"
    ),
    "the debugger": python("-m", "pdb", "exits.py", "uncaught", given="n\nn\nc\nw\nq\n"),
    "site": python("-m", "site"),
    "the console script of a library": Program(("bin/flask", "--app", "{apps}/serve_wsgi.py", "routes")),
    "a check of settings": Program(("bin/gunicorn", "--check-config", "--chdir", "{apps}", "serve_wsgi:app")),
    "a program that is not there": python("not-there.py"),
}


@pytest.fixture
def proof() -> Iterator[Proof]:
    """A folder with a short path: that of a socket has at most 107 characters."""
    with tempfile.TemporaryDirectory(prefix="mr-") as folder:
        yield Proof(Path(folder))


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_changes_under_meshrun(proof: Proof, name: str) -> None:
    seen = proof.differences(PROGRAMS[name])
    for _ in range(2):
        if not any(found.changed or found.noise for found in seen.values()):
            break
        # On a busy machine two calls may overtake each other, and a collection may come later: whatever we change,
        # we change every time.
        again = proof.differences(PROGRAMS[name])
        seen = {under: observed.in_both(found, again[under]) for under, found in seen.items()}
    for under, found in seen.items():
        assert not found.changed, "%s: %s" % (under, told(found))
        assert not found.noise, "differs also between bare runs: %s" % ", ".join(found.noise)


def told(found: observed.Difference) -> str:
    """What changed, for people."""
    lines = ["%d facts changed" % len(found.changed)]
    lines += ["%s\n  bare:  %s\n  under: %s" % (fact, *seen) for fact, seen in list(found.changed.items())[:20]]
    return "\n".join(lines)


TELLTALE = """
import os, sys
print("meshrun" in sys.modules)
print("MESHRUN_ENABLED" in os.environ)
sys.exit("meshrun" in sys.modules)
"""


def test_a_program_that_looks_for_meshrun_is_seen_to_change(proof: Proof) -> None:
    for found in proof.differences(python("-c", TELLTALE)).values():
        assert {fact for fact in found.changed if "/" not in fact} == {"stdout:0", "stdout:1", "status"}


def test_what_differs_between_bare_runs_is_named_and_left_out(proof: Proof) -> None:
    code = "import os; print(os.getpid()); print('same')"
    for found in proof.differences(python("-c", code)).values():
        assert list(found.noise) == ["stdout:0"]
        assert not found.changed
