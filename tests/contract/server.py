"""The contract of every server hook, run against the real server with a plain app in a process of its own.

A server's test module subclasses `ServerContract` and says how the server is started. What is compared with "bare" is
compared with the same server and app without meshrun.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import ClassVar, Dict, Iterator, Optional, Sequence, Tuple

import pytest

from tests.contract.running import LONG, Stage, answer, ask, stage, until

GRAY = {"baggage": "lane=gray"}
MESH = {"X-Meshrun-Caller": "-"}

_codes: Dict[Tuple[Tuple[str, ...], int, bool], int] = {}


class ServerContract:
    """What holds for every server."""

    command: ClassVar[Sequence[str]]  # after the interpreter; port 0 of the loopback address, tests.contract.apps
    keepalive: ClassVar[Optional[float]]  # what it registers
    persistent: ClassVar[bool] = True  # connections live on after a response
    workers: ClassVar[int] = 1  # processes that serve
    ends: ClassVar[Sequence[int]] = (signal.SIGINT, signal.SIGQUIT)  # what ends it beside SIGTERM

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage of this test."""
        with stage(self.command) as made:
            yield made

    def bare_code(self, on: Stage, signum: int, *, group: bool = False) -> int:
        """The exit code of the server alone."""
        key = (tuple(self.command), signum, group)
        if key not in _codes:
            running = on.start(bare=True)
            running.get("/")
            time.sleep(0.5)  # at the end of a request its KeyboardInterrupt may be raised where it is ignored
            running.kill(signum, group=group)
            _codes[key] = running.exit_code()
        return _codes[key]

    # --- the request ---

    def test_the_colour_is_there_for_the_whole_request(self, shared: Stage) -> None:
        running = shared.running[0]
        assert running.get("/", GRAY).body == "lane=gray"
        assert running.get("/", {"X-Polaris-Metadata-Transitive-featureenv": "v2"}).body == "featureenv=v2"
        assert running.get("/stream", GRAY).body.split() == ["lane=gray"] * 3
        assert until(lambda: running.noted("closed"), running.said) == "lane=gray"

    def test_the_colour_does_not_leak_into_the_next_request(self, shared: Stage) -> None:
        running = shared.running[0]
        with contextlib.closing(running.connect()) as connection:
            seen = []
            for path, headers in (("/", GRAY), ("/", {}), ("/stream", GRAY), ("/", {}), ("/fail", GRAY), ("/", {})):
                seen.append(ask(connection, path, headers).body)
                if not self.persistent:
                    connection.close()
        assert (seen[0], seen[2].split()[0]) == ("lane=gray", "lane=gray")
        assert seen[1::2] == ["-", "-", "-"]

    def test_an_error_of_the_app_is_answered_as_bare(self, shared: Stage, on: Stage) -> None:
        bare = on.start(bare=True)
        assert shared.running[0].raw("/fail", MESH) == bare.raw("/fail", MESH)

    def test_the_bytes_of_a_response_are_those_of_bare(self, shared: Stage, on: Stage) -> None:
        bare = on.start(bare=True)
        running = shared.running[0]
        assert running.raw("/handlers", MESH) == bare.raw("/handlers", MESH)  # what it reads back of its signals
        assert running.raw("/stream", {}) == bare.raw("/stream", {})

    def test_it_registers_what_it_bound(self, shared: Stage) -> None:
        record = shared.registered(shared.running[0])
        assert (record.address, record.protocol, record.tls, record.state) == ("127.0.0.1", "http", False, "ready")
        assert record.keepalive == self.keepalive

    def test_requests_in_flight_are_counted(self, shared: Stage) -> None:
        running = shared.running[0]
        shared.registered(running)
        until(lambda: running.status().get("inflight") == 0)
        with contextlib.closing(running.hold("counted")) as held:
            until(lambda: running.status().get("inflight") == 1, lambda: str(running.status()))
            running.open("counted")
            assert answer(held).status == 200
        until(lambda: running.status().get("inflight") == 0, lambda: str(running.status()))

    def test_a_child_that_the_app_forks_is_as_bare_and_disturbs_nothing(self, shared: Stage) -> None:
        running = shared.running[0]
        shared.registered(running)
        running.get("/fork")
        child = int(until(lambda: running.noted("child"), running.said))
        if sys.version_info >= (3, 12):  # before, a child's signal reached its parent's loop by the wake-up descriptor
            os.kill(child, signal.SIGTERM)
        assert running.get("/").status == 200
        assert [record.state for record in shared.records()] == ["ready"]
        with contextlib.suppress(ProcessLookupError):  # where the app's handler is inherited it lives on, as bare
            os.kill(child, signal.SIGKILL)

    # --- start ---

    def test_it_is_registered_when_the_app_is_ready_and_not_before(self, on: Stage) -> None:
        running = on.start(contract_start="start")
        until(lambda: running.noted("importing") is not None, running.said)
        assert on.records() == ()
        running.open("start")
        on.registered(running)
        until(lambda: running.status().get("ready"), lambda: str(running.status()))

    def test_without_a_service_name_it_serves_says_so_and_drains(self, on: Stage) -> None:
        running = on.start(SERVICE="", DRAIN_SECONDS="1")
        assert running.get("/", GRAY).body == "lane=gray"
        until(lambda: running.status().get("reason"), running.said)
        assert until(lambda: running.status().get("reason")) == "no service name (MESHRUN_SERVICE)"
        assert on.records() == ()
        running.kill(signal.SIGTERM)
        assert running.exit_code() == self.bare_code(on, signal.SIGTERM)

    # --- stop ---

    @pytest.mark.parametrize("group", [False, True], ids=["root", "group"])
    def test_a_stop_serves_on_until_nothing_is_in_flight(self, on: Stage, group: bool) -> None:
        running = on.start()
        on.registered(running)
        # One that is still loading its application ends by a signal to the group, as bare.
        until(lambda: len(running.status().get("workers", ())) == self.workers, lambda: str(running.status()))
        with contextlib.closing(running.hold("last", GRAY)) as held:
            assert "x-meshrun-draining" not in running.get("/", MESH).headers
            running.kill(signal.SIGTERM, group=group)
            until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
            assert not running.status().get("ready")
            fresh = running.get("/", MESH)
            assert (fresh.status, fresh.headers.get("connection")) == (200, "close")
            assert fresh.headers["x-meshrun-draining"] == "1"
            assert "x-meshrun-draining" not in running.get("/").headers  # said to those who understand it
            assert running.process.poll() is None
            running.open("last")
            assert answer(held).body == "lane=gray"
        assert running.exit_code() == self.bare_code(on, signal.SIGTERM, group=group), running.said()
        assert on.records() == ()
        assert list((on.folder / "state").glob("*.lock")) == []

    def test_an_idle_connection_serves_one_more_request_and_is_closed(self, on: Stage) -> None:
        if not self.persistent:
            pytest.skip("it closes each connection anyway")
        on.rule(LONG)
        running = on.start()
        on.registered(running)
        with contextlib.closing(running.connect()) as idle:
            ask(idle, "/")
            running.drain()
            idle.sock.sendall(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
            data = b"".join(iter(lambda: idle.sock.recv(65536), b""))  # ends with the connection
        assert data.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in data.lower()

    def test_a_second_signal_ends_the_drain(self, on: Stage) -> None:
        on.rule(LONG)
        running = on.start()
        on.registered(running)
        running.kill(signal.SIGTERM)
        until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
        code = self.bare_code(on, signal.SIGTERM)
        time.sleep(0.7)  # sooner it would count as an echo of the first one
        assert running.process.poll() is None
        running.kill(signal.SIGTERM)
        assert running.exit_code() == code
        assert on.records() == ()

    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGQUIT])
    def test_other_stop_signals_end_it_with_the_bare_code(self, on: Stage, signum: int) -> None:
        if signum not in self.ends:
            pytest.skip("it runs on when it gets that one")
        if signum == signal.SIGQUIT:
            on.rule(LONG)  # never held
        running = on.start()
        on.registered(running)
        running.kill(signum)
        assert running.exit_code() == self.bare_code(on, signum), running.said()

    def test_offline_drains_and_the_program_goes_on(self, on: Stage) -> None:
        running = on.start()
        on.registered(running)
        running.offline()
        until(lambda: not on.records(), running.said)
        until(lambda: running.status().get("state") == "offline", lambda: str(running.status()))
        assert running.get("/").status == 200
        assert on.records() == ()
        running.kill(signal.SIGTERM)
        assert running.exit_code() == self.bare_code(on, signal.SIGTERM)

    def test_a_store_that_cannot_be_used_keeps_nobody_alive(self, on: Stage) -> None:
        running = on.start(STORE="file:/proc/none/store", DRAIN_SECONDS="1")
        assert running.get("/", GRAY).body == "lane=gray"
        until(lambda: running.status().get("ready"), running.said)
        running.kill(signal.SIGTERM)
        assert running.exit_code() == self.bare_code(on, signal.SIGTERM)
