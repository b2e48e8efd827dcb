"""The serving side as the runtime uses it: roles, requests, readiness, registration, signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Callable, List

import pytest

from meshrun import _processes
from meshrun.core.rules import Lifecycle
from meshrun.lifecycle import drain as drain_module
from meshrun.lifecycle import signals
from meshrun.lifecycle.page import DELIVERED, DRAINING, OFFLINE
from meshrun.lifecycle.server import Server

Wait = Callable[[Callable[[], Any]], Any]
Make = Callable[..., Server]


@pytest.fixture
def rule() -> List[Lifecycle]:
    return [Lifecycle(drain_seconds=10.0, drain_quiet=0.0, drain_min=0.0)]


@pytest.fixture
def make(engine: Any, settings: Any, tmp_path: Path, rule: List[Lifecycle], monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr(signals, "adopt", lambda gate, leaves: None)
    monkeypatch.setattr("atexit.register", lambda function: None)

    def server(**values: str) -> Server:
        return Server(settings(**values), str(tmp_path), lambda: engine, lambda: rule[0], lambda where, error: None)

    return server


@pytest.fixture
def serving(make: Make) -> Make:
    def server(**values: str) -> Server:
        made = make(**values)
        made.listening("127.0.0.1", 8000, "http", False, 5.0)
        made.ready()
        return made

    return server


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> List[int]:
    sent: List[int] = []
    monkeypatch.setattr(drain_module, "_kill", lambda pid, signum: sent.append(signum))
    return sent


def test_a_server_registers_when_it_is_ready_and_not_before(make: Make, engine: Any) -> None:
    server = make()
    server.tick(0.0)
    assert server.status()["reason"] == "no hooked server listens"
    server.listening("127.0.0.1", 8000, "http", False, 5.0)
    server.tick(0.0)
    assert (engine.records, server.status()["reason"], server.status()["ready"]) == ({}, "not ready yet", False)
    server.ready()
    server.tick(0.0)
    (record,) = engine.records.values()
    assert (record.id, record.endpoint, record.state, record.keepalive) == (
        server.instance_id,
        "127.0.0.1:8000",
        "ready",
        5.0,
    )
    status = server.status()
    assert (status["registered"], status["ready"], status["reason"], status["role"]) == (True, True, None, "root")


def test_the_delay_of_the_rule_goes_before_the_setting(serving: Make, engine: Any, rule: List[Lifecycle]) -> None:
    rule[0] = rule[0]._replace(delay=3600.0)
    server = serving(REGISTER_DELAY="0")
    server.tick(0.0)
    assert (engine.records, server.status()["reason"], server.status()["ready"]) == ({}, "waiting for the delay", False)
    rule[0] = rule[0]._replace(delay=0.0)
    server.tick(0.0)
    assert len(engine.records) == 1


def test_a_server_without_a_service_name_says_so_and_is_ready(serving: Make, engine: Any) -> None:
    server = serving(SERVICE="")
    server.tick(0.0)
    assert server.status()["reason"] == "no service name (MESHRUN_SERVICE)"
    assert server.status()["ready"]
    assert engine.records == {}


def test_a_store_that_is_down_is_the_reason_and_does_not_keep_the_platform_waiting(serving: Make, engine: Any) -> None:
    engine.down = True
    server = serving()
    server.tick(0.0)
    assert (server.status()["reason"], server.status()["ready"]) == ("the store is down; start it", True)


def test_requests_in_flight_are_counted_over_threads(serving: Make) -> None:
    server = serving()

    def serve() -> None:
        for _ in range(2000):
            server.enter()
            server.leave()

    threads = [threading.Thread(target=serve) for _ in range(4)]
    server.enter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.settle()
    assert server.status()["inflight"] == 1
    assert server.status()["requests"] == 8001
    server.leave()
    server.leave()  # one too many does no harm
    assert server.status()["inflight"] == 0


def test_what_a_server_has_not_sent_yet_counts_as_in_flight(serving: Make) -> None:
    server = serving()
    server.unfinished = lambda: 2
    server.enter()
    server.settle()
    assert server.status()["inflight"] == 2
    server.unfinished = lambda: 0
    server.settle()
    assert server.status()["inflight"] == 1


def test_a_program_that_serves_nothing_never_holds(make: Make) -> None:
    server = make()
    assert not server.gate(signal.SIGTERM)
    server.listening("127.0.0.1", 8000, "http", False, None)
    assert not server.gate(signal.SIGTERM)  # bound, but nobody is ready
    assert not server.draining


def test_a_stop_marks_the_instance_holds_and_then_removes_it(
    serving: Make, engine: Any, killed: List[int], wait: Wait
) -> None:
    server = serving()
    server.tick(0.0)
    server.enter()
    assert server.gate(signal.SIGTERM)
    assert server.draining
    assert wait(lambda: [record.state for record in engine.records.values()] == ["draining"])
    server.tick(0.0)
    status = server.status()
    assert (status["ready"], status["draining"], status["state"], status["inflight"]) == (False, True, "draining", 1)
    assert killed == []
    server.leave()
    assert wait(lambda: killed == [signal.SIGTERM])
    assert engine.records == {}
    assert not server.gate(signal.SIGTERM)


def test_a_renewal_that_crosses_with_the_end_is_undone(
    serving: Make, engine: Any, killed: List[int], wait: Wait
) -> None:
    server = serving()
    server.tick(0.0)
    (record,) = engine.records.values()
    server.gate(signal.SIGTERM)
    assert wait(lambda: killed)
    engine.records[record.id] = record
    server._member._registration._held[record.id] = record
    server.tick(0.0)
    assert engine.records == {}


def test_a_stop_before_the_delay_is_over_registers_nothing(
    serving: Make, engine: Any, rule: List[Lifecycle], killed: List[int], wait: Wait
) -> None:
    rule[0] = rule[0]._replace(delay=3600.0)
    server = serving()
    server.tick(0.0)
    server.gate(signal.SIGTERM)
    rule[0] = rule[0]._replace(delay=0.0)
    server.tick(0.0)
    assert wait(lambda: killed)
    assert engine.log == []


@pytest.mark.parametrize("signum", [signal.SIGQUIT, signal.SIGINT])
def test_quit_and_a_persons_ctrl_c_pass_at_once_and_leave_the_registry(
    serving: Make, engine: Any, wait: Wait, monkeypatch: pytest.MonkeyPatch, signum: int
) -> None:
    monkeypatch.setattr(signals, "foreground", lambda: True)
    server = serving()
    server.tick(0.0)
    assert not server.gate(signum)
    assert wait(lambda: engine.records == {})
    assert not server.gate(signal.SIGTERM)  # passed once: always


def test_an_interrupt_without_a_terminal_is_held(
    serving: Make, killed: List[int], wait: Wait, monkeypatch: Any
) -> None:
    monkeypatch.setattr(signals, "foreground", lambda: False)
    assert serving().gate(signal.SIGINT)
    assert wait(lambda: killed == [signal.SIGINT])


def test_offline_drains_leaves_the_registry_and_stays(
    serving: Make, engine: Any, killed: List[int], wait: Wait
) -> None:
    server = serving()
    server.tick(0.0)
    server.offline()
    assert wait(lambda: server._page is not None and server._page.state == OFFLINE)
    assert wait(lambda: engine.records == {})
    server.tick(0.0)
    assert engine.records == {}
    assert (server.status()["state"], server.status()["reason"], server.draining) == ("offline", "offline", True)
    assert killed == []


def test_offline_of_a_worker_that_died_is_ended_by_another(serving: Make, engine: Any) -> None:
    server = serving()
    server.tick(0.0)
    page = server._page
    assert page is not None
    page.by_operator, page.state, page.deadline = True, DRAINING, time.monotonic() - 60.0
    server.tick(0.0)
    assert page.state == OFFLINE
    assert engine.records == {}


def test_a_forked_worker_registers_under_the_roots_id_and_holds_for_the_root(
    make: Make, engine: Any, in_child: Callable[[Callable[[], Any]], int]
) -> None:
    server = make()
    server.forks()
    server.listening("127.0.0.1", 8000, "http", False, 2.0)

    def worker() -> bool:
        server.after_fork_child()
        assert not server.serving
        server.listening("127.0.0.1", 8001, "http", False, None)  # its own socket is part of the root's server
        server.ready()
        server.tick(0.0)
        (record,) = engine.records.values()
        assert (record.id, record.port) == (server.instance_id, 8000)
        assert server.status()["role"] == "worker"
        return server.gate(signal.SIGTERM)

    server.before_fork()
    assert in_child(worker) == 0
    server.after_fork_parent()
    status = server.status()
    assert status["registered"]
    assert status["role"] == "root"


def test_a_root_with_workers_holds_and_reads_the_limits_that_a_worker_read(
    make: Make, engine: Any, rule: List[Lifecycle], in_child: Any, killed: List[int], wait: Wait
) -> None:
    server = make()
    server.listening("127.0.0.1", 8000, "http", False, 2.0)

    def worker() -> bool:
        server.after_fork_child()
        server.ready()
        server.tick(0.0)
        return True

    assert in_child(worker) == 0
    rule[0] = rule[0]._replace(drain_seconds=3600.0, drain_min=3600.0)  # a root without a snapshot would not know
    assert server.gate(signal.SIGTERM)
    assert wait(lambda: killed == [signal.SIGTERM])


def test_a_daemonised_server_becomes_a_root(make: Make, in_child: Any, monkeypatch: Any) -> None:
    server = make()
    monkeypatch.setattr(_processes, "alive", lambda pid, born: False)

    def daemon() -> bool:
        server.after_fork_child()
        server.listening("127.0.0.1", 8000, "http", False, None)
        server.ready()
        return server.status()["role"] == "root" and server.gate(signal.SIGTERM)

    assert in_child(daemon) == 0


def test_a_child_that_serves_on_its_own_under_a_living_root_registers_but_never_holds(
    make: Make, engine: Any, in_child: Any, wait: Wait
) -> None:
    server = make()

    def child() -> bool:
        server.after_fork_child()
        server.listening("127.0.0.1", 8000, "http", False, None)
        server.ready()
        server.tick(0.0)
        registered = len(engine.records) == 1
        return registered and not server.gate(signal.SIGTERM) and bool(wait(lambda: engine.records == {}))

    assert in_child(child) == 0


def test_a_server_in_a_side_thread_counts_only_if_its_port_is_named(make: Make) -> None:
    def bind(server: Server) -> None:
        thread = threading.Thread(target=server.listening, args=("127.0.0.1", 9100, "http", False, None))
        thread.start()
        thread.join()

    server = make()
    bind(server)
    assert server.status()["listeners"] == []
    named = make(PORT="9100")
    bind(named)
    assert [listener["port"] for listener in named.status()["listeners"]] == [9100]


def test_a_process_that_ends_without_a_signal_leaves_the_registry(serving: Make, engine: Any) -> None:
    server = serving()
    server.tick(0.0)
    server._exit()
    assert engine.records == {}
    assert server._page is not None
    assert server._page.state == DELIVERED


def test_a_worker_that_ends_leaves_the_instance_to_the_others(make: Make, engine: Any, in_child: Any) -> None:
    server = make()
    server.listening("127.0.0.1", 8000, "http", False, 2.0)

    def worker() -> bool:
        server.after_fork_child()
        server.ready()
        server.tick(0.0)
        server._exit()
        return len(engine.records) == 1

    assert in_child(worker) == 0
    assert server.status()["registered"]


def test_a_default_disposition_is_gated_while_it_reads_as_before(in_child: Any) -> None:
    def child() -> bool:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        held: List[int] = []

        def hold(signum: int) -> bool:
            held.append(signum)
            return True

        signals.adopt(hold, lambda: True)
        os.kill(os.getpid(), signal.SIGTERM)
        handler: Any = signal.getsignal(signal.SIGTERM)
        assert handler.meshrun_handler == signal.SIG_DFL
        assert held == [signal.SIGTERM]
        signals.abandon()
        return signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    assert in_child(child) == 0


def test_a_passed_signal_takes_the_default_action(in_child: Any) -> None:
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signals.adopt(lambda signum: False, lambda: True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == signal.SIGTERM
