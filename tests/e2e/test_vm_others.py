"""What docs/vm.md shows for supervisord and init scripts, run as it stands but for folders and ports."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import List

import pytest

from tests.compat.environments import needed
from tests.contract.ports import free_port
from tests.contract.running import NO_CONTROL, until
from tests.e2e.place import Place

pytestmark = [pytest.mark.slow, pytest.mark.once]
ROOT = Path(__file__).resolve().parents[2]
APP = """
import time
def app(environ, start_response):
    time.sleep(1.5 if environ["PATH_INFO"] == "/slow" else 0)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
CONF = """[supervisord]
nodaemon=true
logfile=%(here)s/supervisord.log
pidfile=%(here)s/supervisord.pid
[unix_http_server]
file=%(here)s/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/s.sock
"""


def shown(heading: str, form: str) -> str:
    """The block of that form in a section of docs/vm.md."""
    text = (ROOT / "docs" / "vm.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## %s\n(.*?)(?=^## )" % re.escape(heading), text, re.DOTALL | re.MULTILINE)
    [block] = re.findall(r"```%s\n(.*?)```" % form, section, re.DOTALL)
    return str(block)


class Here:
    """The program of the page in a folder of the test."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.folder = place.folder
        place.script(APP, "orders.py")
        self.port = free_port()
        self.environ = {
            **place.environ(bare=True),
            **{k: v for k, v in place.environ().items() if k.endswith("_STORE")},
        }

    def fitted(self, text: str) -> str:
        """The text with the folders and the port of this test."""
        replaced = {
            "/opt/meshrun/bin/meshrun": str(Path(sys.executable).parent / "meshrun"),
            "/srv/orders/bin/python": sys.executable,
            "/srv/orders": str(self.folder),
            "127.0.0.1:8000": "127.0.0.1:%d" % self.port,
            "gunicorn ": "gunicorn %s " % " ".join(NO_CONTROL),
        }
        for page, ours in replaced.items():
            assert page in text
            text = text.replace(page, ours)
        return text.replace("/run/", str(self.folder) + "/")

    def ask(self, path: str = "/") -> str:
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.port, path), timeout=30) as answer:
                return str(answer.read().decode())
        except (ConnectionError, urllib.error.URLError):
            return ""

    def run(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environ, cwd=str(self.folder), stdin=subprocess.DEVNULL, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def stopped(self, *command: str) -> None:
        """Stop the program while two requests are in flight: both are answered."""
        until(self.ask)
        until(lambda: self.place.records("orders"))
        answers: List[str] = []
        asking = [threading.Thread(target=lambda: answers.append(self.ask("/slow"))) for _ in range(2)]
        for thread in asking:
            thread.start()
        until(lambda: self.inflight() == 2)
        self.run(*command)
        for thread in asking:
            thread.join(60)
        assert answers == ["ok", "ok"]
        assert self.place.records("orders") == []
        assert self.ask() == ""

    def inflight(self) -> int:
        found = json.loads(self.place.meshctl("status", "-o", "json", "--state-dir", str(self.state)))
        return max([int(one["inflight"]) for one in found["processes"]], default=0)

    state = Path()


@pytest.fixture
def here(place: Place) -> Here:
    return Here(place)


def test_the_section_of_supervisord_is_what_stops_without_a_loss(here: Here) -> None:
    python = Path(needed("supervisor", sys.executable, ["supervisor", "setuptools<81"]))
    here.state = here.folder / "state"
    here.environ["MESHRUN_STATE_DIR"] = str(here.state)
    text = CONF + here.fitted(shown("supervisord", "ini"))
    (here.folder / "super.conf").write_text(text, encoding="utf-8")
    words = [str(python.parent / "supervisord"), "-c", str(here.folder / "super.conf")]
    control = [str(python.parent / "supervisorctl"), *words[1:]]
    with (here.folder / "super.out").open("wb") as out:
        daemon = subprocess.Popen(words, env=here.environ, cwd=str(here.folder), stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=out, start_new_session=True)  # fmt: skip
    try:
        until(here.ask, (here.folder / "super.out").read_text)
        pid = here.run(*control, "pid", "orders").strip()
        found = subprocess.run(
            [sys.executable, "-m", "meshrun.cli", "doctor", "--pid", pid, "-o", "json"], stdout=subprocess.PIPE,
            env={**here.environ, "PYTHONPATH": str(ROOT / "agent")}, text=True, timeout=120, check=False,
        )  # fmt: skip
        checks = {one["name"]: one["what"] for one in json.loads(found.stdout)["checks"]}
        assert "supervisord (%s) waits 45 s" % (here.folder / "super.conf") in checks["stop"]
        here.stopped(*control, "stop", "orders")
        assert "exited: orders (exit status 0" in (here.folder / "supervisord.log").read_text() or (
            "stopped: orders (exit status 0)" in (here.folder / "supervisord.log").read_text()
        )
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(daemon.pid, 15)
        daemon.wait(60)


def test_the_init_script_starts_and_stops_without_a_loss(here: Here) -> None:
    here.state = here.folder / "meshrun-orders"
    script = here.folder / "orders.init"
    script.write_text(here.fitted(shown("An init script", "sh")), encoding="utf-8")
    try:
        here.run("sh", str(script), "start")
        here.stopped("sh", str(script), "stop")
        here.run("sh", str(script), "start")
        until(here.ask)
        here.run("sh", str(script), "restart")
        until(here.ask)
    finally:
        here.run("sh", str(script), "stop")
    assert not (here.folder / "orders.pid").exists()
