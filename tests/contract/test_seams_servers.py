"""Real servers whose seams another agent has wrapped as well, before us or after us: both see every request."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.contract.mesh import ROOT
from tests.contract.running import MAJOR, NO_CONTROL, stage
from tests.contract.server import GRAY, MESH

WSGI, ASGI = "tests.contract.apps.wsgi:application", "tests.contract.apps.asgi:application"
SERVERS = {
    "sync": ("gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, WSGI),
    "gthread": ("gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--threads", "2", WSGI),
    "h11": ("uvicorn", "--port", "0", "--http", "h11", ASGI),
    "httptools": ("uvicorn", "--port", "0", "--http", "httptools", ASGI),
    "aiohttp": ("aiohttp", "run_app"),
    "hypercorn": ("hypercorn", "asgi"),
    "granian": ("granian", "--interface", "asgi", ASGI),
    "tornado": ("tornado", "run"),
    "gevent": ("gevent", "serve"),
    "asgi": ("gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "-k", "asgi", ASGI),
    "gunicorn-gevent": ("gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "-k", "gevent", WSGI),
    "waitress": ("waitress", "waitress"),
    "werkzeug": ("werkzeug", "werkzeug"),
    "wsgiref": ("wsgiref", "wsgiref"),
    "django": ("django", "django"),
}
MAINS = {
    "aiohttp": "tests.contract.apps.aio", "hypercorn": "tests.contract.apps.hyper",
    "granian": "tests.contract.apps.granian_main", "tornado": "tests.contract.apps.tornado_app",
    "gevent": "tests.contract.apps.gevent_app",
    "waitress": "tests.contract.apps.serve", "werkzeug": "tests.contract.apps.serve",
    "wsgiref": "tests.contract.apps.serve", "django": "tests.contract.apps.serve",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("server", sorted(SERVERS))
def test_the_wrappers_of_another_agent_are_told_their_object_and_we_serve_and_stop_as_ever(
    server: str, when: str
) -> None:
    if server == "asgi" and MAJOR < 27:
        pytest.skip("this release of gunicorn has no such worker, or no seams")
    pytest.importorskip(server.rpartition("-")[2] if "-" in server else SERVERS[server][0])
    with stage(("-m", "tests.contract.apps.wrapped", when, *SERVERS[server])) as on:
        settings: Any = {"boot": str(ROOT / "sitecustomize" / "sitecustomize.py")}
        if when == "before":
            settings["pythonpath"] = "%s:%s" % (ROOT / "agent", ROOT / "hooks")
        running = on.start(**settings)
        assert running.get("/", GRAY).body == "lane=gray"
        assert running.get("/", MESH).body == "-"
        on.registered(running)
        bare = on.start(bare=True, pythonpath="%s:%s" % (ROOT / "agent", ROOT / "hooks"), command=_plain(server))
        assert running.raw("/fail", MESH) == bare.raw("/fail", MESH)
        for each in (running, bare):
            each.kill(signal.SIGTERM)
        assert running.exit_code() == bare.exit_code()
        said = running.said()
        assert "agent: " in said
        assert "WRONG" not in said
        assert "meshrun: " not in said
        assert on.records() == ()


def _plain(server: str) -> Any:
    name, *words = SERVERS[server]
    return ("-m", MAINS.get(name, name), *words)
