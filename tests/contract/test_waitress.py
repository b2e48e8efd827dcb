"""waitress under the server contract, and what only it does: it has no handler of its own, and sends in its loop."""

from __future__ import annotations

import contextlib
import http.client
import signal
import time
from typing import ClassVar, Collection, Iterator, Optional, Sequence

import pytest

from tests.contract.ports import free_port
from tests.contract.running import LONG, Stage, ask, rest, stage, until
from tests.contract.server import GRAY, MESH, ServerContract
from tests.contract.stages import drains, taken_in
from tests.contract.streams import EventsContract

pytest.importorskip("waitress")
COMMAND = ("-m", "tests.contract.apps.serve", "waitress")


class TestServe(ServerContract):
    """A server on one socket."""

    command: ClassVar[Sequence[str]] = COMMAND
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
class TestTwoSockets(ServerContract):
    """A server on two, of which the first is registered."""

    command: ClassVar[Sequence[str]] = ("-m", "tests.contract.apps.serve", "waitress.two")
    keepalive: ClassVar[Optional[float]] = 7.0


class TestEvents(EventsContract):
    """A thread for each stream, which waits for waitress's loop where its client does not read."""

    command: ClassVar[Sequence[str]] = COMMAND
    seen: ClassVar[Collection[str]] = ("closed",)
    idles: ClassVar[bool] = False


@pytest.fixture
def on() -> Iterator[Stage]:
    """A stage for one of them."""
    with stage(COMMAND) as made:
        yield made


def test_what_is_not_sent_yet_is_sent_before_the_process_ends(on: Stage) -> None:
    running = on.start()
    on.registered(running)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)) as connection:
        connection.connect()
        connection.request("GET", "/large")
        until(lambda: running.status().get("requests") and running.status().get("inflight") == 1, running.said)
        running.drain()
        time.sleep(1.0)  # longer than the rule's quiet
        assert running.process.poll() is None
        response = connection.getresponse()
        assert len(response.read()) == int(response.headers["Content-Length"])
    assert running.exit_code() == -signal.SIGTERM
    assert on.records() == ()


def test_a_request_whose_body_still_arrives_is_served(on: Stage) -> None:
    running = on.start()
    on.registered(running)
    with contextlib.closing(running.connect()) as connection:
        connection.sock.sendall(b"POST /size HTTP/1.1\r\nHost: web\r\nContent-Length: 10\r\n\r\n12345")
        until(lambda: running.status().get("inflight") == 1, running.said)
        running.drain()
        time.sleep(1.0)
        connection.sock.sendall(b"67890")
        data = rest(connection.sock)
    assert data.endswith(b"\r\n\r\n10")
    assert b"\r\nConnection: close\r\n" in data
    assert running.exit_code() == -signal.SIGTERM


def test_a_client_of_http_1_0_that_keeps_alive_is_told_once_that_it_ends(on: Stage) -> None:
    on.rule(LONG)
    running = on.start()
    on.registered(running)
    with contextlib.closing(running.connect()) as connection:
        ask(connection, "/")
        running.drain()
        connection.sock.sendall(b"GET / HTTP/1.0\r\nHost: web\r\nConnection: keep-alive\r\n\r\n")
        data = rest(connection.sock)
    assert data.lower().count(b"\r\nconnection:") == 1
    assert b"\r\nConnection: close\r\n" in data


def test_a_failure_of_the_app_says_that_the_instance_drains(on: Stage) -> None:
    on.rule(LONG)
    running = on.start()
    on.registered(running)
    running.drain()
    reply = running.get("/fail", MESH)
    assert (reply.status, reply.headers["connection"], reply.headers["x-meshrun-draining"]) == (500, "close", "1")
    assert "x-meshrun-draining" not in running.get("/fail").headers


def test_a_server_that_began_dormant_is_taken_in_when_the_mode_says_so(on: Stage) -> None:
    running = on.start(MODE="dormant")
    assert taken_in(on, running).keepalive == 7.0
    drains(on, running)


def test_a_server_in_a_side_thread_counts_if_its_port_is_named_and_then_drains(on: Stage) -> None:
    command, port = ("-m", "tests.contract.apps.serve", "waitress.thread"), str(free_port())
    running = on.start(command=command, contract_port=port)
    assert running.get("/", GRAY).body == "lane=gray"
    assert running.status()["reason"] == "no hooked server listens"
    running.kill(signal.SIGTERM)
    assert running.exit_code() == -signal.SIGTERM
    drains(on, on.start(command=command, contract_port=port, PORT=port))  # its main thread waits for ever
