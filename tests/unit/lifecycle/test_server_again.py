"""A program that ends its server of its own accord, and goes on: with nothing to hold a signal for, or a new server."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List

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


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket of this process that listens."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def signalled(server: Server, port: int, engine: Any, wait: Wait) -> str:
    """The program's own handler runs; the id of the instance that left."""
    begin(server, port)
    identity = str(server.instance_id)
    assert not server.gate(signal.SIGQUIT)
    assert wait(lambda: not engine.records)
    server.tick(0.0)
    assert engine.records == {}
    return identity


@pytest.fixture
def bare(server: Server, engine: Any, wait: Wait) -> Server:
    """A process that listens nowhere yet."""
    server.stopped()
    assert wait(lambda: not engine.records)
    return server


def test_a_program_that_outlives_its_signal_is_an_instance_anew(
    bare: Server, engine: Any, wait: Wait, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = listener.getsockname()[1]
    before = signalled(bare, port, engine, wait)
    monkeypatch.setattr(drain, "SURVIVED_SECONDS", 0.0)
    bare.tick(0.0)
    bare.tick(0.0)
    (record,) = engine.records.values()
    assert (record.id != before, record.port, record.state, record.keepalive) == (True, port, "ready", 5.0)
    assert not bare.draining
    assert bare.gate(signal.SIGTERM)
    assert bare.draining


def test_one_that_has_closed_its_socket_ends(
    bare: Server, engine: Any, wait: Wait, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    signalled(bare, listener.getsockname()[1], engine, wait)
    listener.close()
    monkeypatch.setattr(drain, "SURVIVED_SECONDS", 0.0)
    bare.tick(0.0)
    bare.tick(0.0)
    assert (engine.records, bare.draining) == ({}, True)


def test_what_listens_after_the_server_has_closed_its_sockets_is_not_that_server(
    bare: Server, engine: Any, wait: Wait, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    signalled(bare, listener.getsockname()[1], engine, wait)
    bare.stopped()
    monkeypatch.setattr(drain, "SURVIVED_SECONDS", 0.0)
    bare.tick(0.0)
    bare.tick(0.0)
    assert engine.records == {}


def test_a_signal_that_the_master_does_nothing_about_ends_nothing(server: Server, engine: Any) -> None:
    server.keeps(2, (signal.SIGQUIT,))
    assert not server.gate(signal.SIGQUIT)
    assert (server.draining, len(engine.records)) == (False, 1)
    assert server.gate(signal.SIGTERM)
    assert not server.gate(signal.SIGQUIT)
    assert server.holds
