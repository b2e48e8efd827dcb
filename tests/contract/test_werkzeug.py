"""Werkzeug's server under the server contract: by itself, by `flask run`, and under its reloader."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import ClassVar, Iterator, Optional, Sequence

import pytest

from tests.contract.running import LONG, Stage, answer, stage, until
from tests.contract.server import GRAY, MESH, ServerContract

pytest.importorskip("werkzeug")
COMMAND = ("-m", "tests.contract.apps.serve", "werkzeug")


class TestThreaded(ServerContract):
    """A thread for each request."""

    command: ClassVar[Sequence[str]] = COMMAND
    keepalive: ClassVar[Optional[float]] = None
    persistent: ClassVar[bool] = False


@pytest.fixture
def on() -> Iterator[Stage]:
    """A stage for one of them."""
    with stage(COMMAND) as made:
        yield made


def serve(how: str) -> Sequence[str]:
    """The command of one of the ways to serve."""
    return (*COMMAND[:-1], COMMAND[-1] + "." + how)


def test_one_request_at_a_time_is_served_to_its_end(on: Stage) -> None:
    running = on.start(command=serve("one"))
    on.registered(running)
    with contextlib.closing(running.hold("last", GRAY)) as held:
        running.kill(signal.SIGTERM)
        until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
        running.open("last")
        assert answer(held).body == "lane=gray"
    assert running.exit_code() == -signal.SIGTERM
    assert on.records() == ()


def test_a_process_for_each_request_is_waited_for_and_leaves_nothing_behind(on: Stage) -> None:
    running = on.start(command=serve("forked"))
    on.registered(running)
    assert running.get("/", GRAY).body == "lane=gray"
    with contextlib.closing(running.hold("last", GRAY)) as held:
        until(lambda: running.status().get("inflight") == 1, running.said)
        assert len(list((on.folder / "state").glob("*.sock"))) == 1
        running.kill(signal.SIGTERM)
        until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
        assert running.get("/", MESH).headers["x-meshrun-draining"] == "1"
        assert running.process.poll() is None
        running.open("last")
        assert answer(held).body == "lane=gray"
    assert running.exit_code() == -signal.SIGTERM
    assert on.records() == ()


def test_a_server_that_ends_by_itself_leaves_and_the_program_goes_on(on: Stage) -> None:
    running = on.start(command=serve("ends"))
    on.registered(running)
    running.open("end")
    until(lambda: running.noted("ended") is not None, running.said)
    until(lambda: not on.records(), running.said)
    assert running.process.poll() is None
    running.open("exit")
    assert running.exit_code() == 5


@pytest.mark.parametrize("to", ["root", "group", "child"])
def test_under_the_reloader_its_child_is_the_instance_and_drains(on: Stage, to: str) -> None:
    running = on.start(command=serve("reloader"))
    record = on.registered(running)
    child = int(running.status()["pid"])
    assert child != running.process.pid
    assert Path("/proc/%d/stat" % child).read_text().rpartition(")")[2].split()[1] == str(running.process.pid)
    assert running.get("/", GRAY).body == "lane=gray"
    with contextlib.closing(running.hold("last", GRAY)) as held:
        if to == "child":
            os.kill(child, signal.SIGTERM)
        else:
            running.kill(signal.SIGTERM, group=to == "group")
        until(lambda: [(found.id, found.state) for found in on.records()] == [(record.id, "draining")], running.said)
        running.open("last")
        assert answer(held).body == "lane=gray"
    assert running.exit_code() == 0
    assert on.records() == ()


def test_a_second_signal_to_the_reloader_ends_it_as_bare(on: Stage) -> None:
    on.rule(LONG)
    running = on.start(command=serve("reloader"))
    on.registered(running)
    running.kill(signal.SIGTERM)
    until(lambda: running.status().get("draining"), running.said)
    time.sleep(0.7)  # sooner it would count as an echo of the first one
    assert running.process.poll() is None
    running.kill(signal.SIGTERM)
    assert running.exit_code() == 0


def test_a_server_that_began_dormant_is_taken_in_when_the_mode_says_so(on: Stage) -> None:
    running = on.start(MODE="dormant")
    assert running.get("/", GRAY).body != "lane=gray"
    assert on.records() == ()
    on.mesh.rules(("Policy/default/all", "kind: Policy\nname: all\nmode: enforce\n"))
    on.registered(running)
    with contextlib.closing(running.hold("last", GRAY)) as held:
        running.kill(signal.SIGTERM)
        until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
        running.open("last")
        assert answer(held).body == "lane=gray"
    assert running.exit_code() == -signal.SIGTERM
    assert on.records() == ()


def test_flask_run_serves_to_the_end(on: Stage) -> None:
    pytest.importorskip("flask")
    program = on.folder / "program.py"
    program.write_text(
        "from flask import Flask\nfrom tests.contract.apps.serve import application\n"
        "app = Flask('program')\napp.wsgi_app = application\n"
    )
    running = on.start(command=("-m", "flask", "run", "--port", "0"), flask_app=str(program))
    on.registered(running)
    with contextlib.closing(running.hold("last", GRAY)) as held:
        running.kill(signal.SIGTERM)
        until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
        running.open("last")
        assert answer(held).body == "lane=gray"
    assert running.exit_code() == -signal.SIGTERM
    assert on.records() == ()


def test_an_app_that_only_imports_flask_ends_as_bare_in_a_long_call_into_c(on: Stage) -> None:
    pytest.importorskip("flask")
    code = "import flask, hashlib; print('http://127.0.0.1:1', flush=True)\n"
    code += "while True: hashlib.pbkdf2_hmac('sha256', b'x', b'y', 30000000)"
    running = on.start(command=("-c", code))
    assert running.port == 1
    running.kill(signal.SIGTERM)
    assert running.process.wait(3) == -signal.SIGTERM
