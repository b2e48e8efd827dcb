"""Werkzeug's server under the server contract: by itself, by `flask run`, and under its reloader."""

from __future__ import annotations

import signal
from typing import ClassVar, Collection, Iterator, Optional, Sequence

import pytest

from tests.contract.running import LONG, Stage, stage, until
from tests.contract.server import GRAY, MESH, ServerContract
from tests.contract.stages import draining, drains, ends_by_itself, reloaded_child_drains, second_signal_ends, taken_in
from tests.contract.streams import EventsContract

pytest.importorskip("werkzeug")
COMMAND = ("-m", "tests.contract.apps.serve", "werkzeug")


class TestThreaded(ServerContract):
    """A thread for each request."""

    command: ClassVar[Sequence[str]] = COMMAND
    keepalive: ClassVar[Optional[float]] = None
    persistent: ClassVar[bool] = False


class TestEvents(EventsContract):
    """A thread for each stream."""

    command: ClassVar[Sequence[str]] = COMMAND
    seen: ClassVar[Collection[str]] = ("closed",)
    idles: ClassVar[bool] = False


@pytest.fixture
def on() -> Iterator[Stage]:
    """A stage for one of them."""
    with stage(COMMAND) as made:
        yield made


def serve(how: str) -> Sequence[str]:
    """The command of one of the ways to serve."""
    return (*COMMAND[:-1], COMMAND[-1] + "." + how)


def test_one_request_at_a_time_is_served_to_its_end(on: Stage) -> None:
    drains(on, on.start(command=serve("one")))


def test_a_process_for_each_request_is_waited_for_and_leaves_nothing_behind(on: Stage) -> None:
    running = on.start(command=serve("forked"))
    on.registered(running)
    assert running.get("/", GRAY).body == "lane=gray"

    def stop() -> None:
        until(lambda: running.status().get("inflight") == 1, running.said)
        assert len(list((on.folder / "state").glob("*.sock"))) == 1
        running.kill(signal.SIGTERM)

    with draining(on, running, stop=stop):
        assert running.get("/", MESH).headers["x-meshrun-draining"] == "1"
        assert running.process.poll() is None


def test_a_server_that_ends_by_itself_leaves_and_the_program_goes_on(on: Stage) -> None:
    ends_by_itself(on, on.start(command=serve("ends")))


@pytest.mark.parametrize("to", ["root", "group", "child"])
def test_under_the_reloader_its_child_is_the_instance_and_drains(on: Stage, to: str) -> None:
    reloaded_child_drains(on, on.start(command=serve("reloader")), to)


def test_a_second_signal_to_the_reloader_ends_it_as_bare(on: Stage) -> None:
    on.rule(LONG)
    second_signal_ends(on, on.start(command=serve("reloader")), 0)


def test_a_server_that_began_dormant_is_taken_in_when_the_mode_says_so(on: Stage) -> None:
    running = on.start(MODE="dormant")
    taken_in(on, running)
    drains(on, running)


def test_flask_run_serves_to_the_end(on: Stage) -> None:
    pytest.importorskip("flask")
    program = on.folder / "program.py"
    program.write_text(
        "from flask import Flask\nfrom tests.contract.apps.serve import application\n"
        "app = Flask('program')\napp.wsgi_app = application\n"
    )
    drains(on, on.start(command=("-m", "flask", "run", "--port", "0"), flask_app=str(program)))


def test_an_app_that_only_imports_flask_ends_as_bare_in_a_long_call_into_c(on: Stage) -> None:
    pytest.importorskip("flask")
    code = "import flask, hashlib; print('http://127.0.0.1:1', flush=True)\n"
    code += "while True: hashlib.pbkdf2_hmac('sha256', b'x', b'y', 30000000)"
    running = on.start(command=("-c", code))
    assert running.port == 1
    running.kill(signal.SIGTERM)
    assert running.process.wait(3) == -signal.SIGTERM
