"""Real servers whose seams another agent has wrapped as well, before us or after us: both see every request."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.contract.mesh import ROOT
from tests.contract.running import NO_CONTROL, stage
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
}
MAINS = {
    "aiohttp": "tests.contract.apps.aio", "hypercorn": "tests.contract.apps.hyper",
    "granian": "tests.contract.apps.granian_main",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("server", sorted(SERVERS))
def test_the_wrappers_of_another_agent_are_told_their_object_and_we_serve_and_stop_as_ever(
    server: str, when: str
) -> None:
    pytest.importorskip(SERVERS[server][0])
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
