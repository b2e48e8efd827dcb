"""A program that ends its server of its own accord, and goes on: with nothing to hold a signal for, or a new server."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any, Callable, List

import pytest

from meshrun.core.rules import Lifecycle
from meshrun.lifecycle import drain, signals
from meshrun.lifecycle.server import Server

Wait = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def server(engine: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(signals, "adopt", lambda gate, leaves: None)
    monkeypatch.setattr("atexit.register", lambda function: None)
    rule = Lifecycle(drain_seconds=600.0, drain_quiet=600.0, drain_min=600.0)
    made = Server(settings(), str(tmp_path), lambda: engine, lambda: rule, lambda where, error: None)
    begin(made, 8000)
    return made


@pytest.fixture(autouse=True)
def killed(monkeypatch: pytest.MonkeyPatch) -> List[int]:
    sent: List[int] = []
    monkeypatch.setattr(drain, "_kill", lambda pid, signum: sent.append(signum))
    return sent


def begin(server: Server, port: int) -> None:
    server.listening("127.0.0.1", port, "http", False, 5.0)
    server.ready()
    server.tick(0.0)


def test_a_server_that_was_closed_leaves_the_registry_and_holds_no_signal(
    server: Server, engine: Any, wait: Wait
) -> None:
    assert len(engine.records) == 1
    server.stopped()
    assert wait(lambda: not engine.records)
    assert not server.gate(signal.SIGINT)


def test_what_is_answered_after_the_stop_keeps_its_connections(server: Server, killed: List[int], wait: Wait) -> None:
    assert server.gate(signal.SIGTERM)
    time.sleep(0.6)  # later, it is no echo of the first
    assert server.gate(signal.SIGTERM)
    assert wait(lambda: killed)
    assert server.draining
    server.stopped()
    assert not server.draining


def test_the_next_server_of_a_process_is_an_instance_of_its_own(server: Server, engine: Any, wait: Wait) -> None:
    server.stopped()
    assert wait(lambda: not engine.records)
    begin(server, 8001)
    assert not server.draining
    assert [record.port for record in engine.records.values()] == [8001]
    assert server.gate(signal.SIGTERM)
    assert server.draining


def test_a_server_that_is_closed_while_it_drains_goes_on_draining(server: Server, killed: List[int]) -> None:
    assert server.gate(signal.SIGTERM)
    server.stopped()
    assert server.draining
    assert not killed


def test_a_worker_that_closes_its_sockets_does_not_end_the_instance(
    server: Server, engine: Any, in_child: Callable[[Callable[[], Any]], int]
) -> None:
    def child() -> bool:
        server.after_fork_child()
        server.ready()
        server.stopped()
        return not server.draining

    assert in_child(child) == 0
    assert len(engine.records) == 1
    assert not server.draining
