"""The requests that a worker sends to its own server: against real sockets that answer well, badly or never."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from time import monotonic
from typing import Any, Callable, Iterator, List, Optional, Tuple

import pytest

from meshrun.core.rules import Lifecycle
from meshrun.core.start import Start
from meshrun.lifecycle.starting import Target
from meshrun.runtime.visits import Visits

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Server = Callable[..., Tuple[int, List[bytes]]]


class Plan:
    """Stands for the `Starting` of a server on a port."""

    def __init__(self, port: int, requests: int = 1, timeout: float = 30.0, concurrency: int = 1) -> None:
        rule = Lifecycle(
            delay=0.0, prewarm_requests=requests, prewarm_paths=("/a?b=c",), prewarm_timeout=timeout,
            prewarm_concurrency=concurrency,
        )  # fmt: skip
        self.start: Optional[Start] = Start(rule, monotonic())
        self.look()
        self._port = port

    def look(self) -> Start:
        assert self.start is not None
        self.start.look(monotonic(), 0, 0, 1)
        return self.start

    def ask(self, now: float) -> Any:
        return None if self.start is None else self.start.ask(now, 0)

    def target(self) -> Target:
        return Target("127.0.0.1", self._port, False, "web")


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers each connection with some bytes, and keeps what it was sent."""
    open_: List[socket.socket] = []

    def make(answer: bytes, *, stay: bool = False) -> Tuple[int, List[bytes]]:
        listener = socket.create_server(("127.0.0.1", 0))
        open_.append(listener)
        seen: List[bytes] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    open_.append(connection)
                    seen.append(connection.recv(65536))
                    connection.sendall(answer)
                    if not stay:
                        connection.close()

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1], seen

    yield make
    for one in open_:
        one.close()


def drive(plan: Plan) -> Start:
    """What the agent thread does, until the start is over."""
    visits = Visits(lambda: plan)  # type: ignore[arg-type, return-value]
    start = plan.look()
    visits.step({}, monotonic())
    end = monotonic() + 30
    while not start.over:
        poller = select.poll()
        visits.wanted(poller.register)
        due = visits.due(monotonic() + 0.1)
        visits.step(dict(poller.poll(max(0.0, due - monotonic()) * 1000)), monotonic())
        plan.look()
        assert monotonic() < end
    assert visits.descriptors == []
    return start


def test_each_request_is_a_marked_get_on_a_connection_of_its_own(server: Server) -> None:
    port, seen = server(OK)
    start = drive(Plan(port, 3))
    assert (start.sent, start.failed, len(seen)) == (3, 0, 3)
    head, *fields = seen[0].decode().rstrip("\r\n").split("\r\n")
    assert head == "GET /a?b=c HTTP/1.1"
    assert {"Host: web", "X-Meshrun-Probe: 1", "Connection: close"} <= set(fields)


def test_several_are_under_way_at_once_and_an_answer_may_be_long(server: Server) -> None:
    port, seen = server(b"HTTP/1.0 204 -\r\n\r\n" + b"x" * 300_000)
    start = drive(Plan(port, 8, concurrency=4))
    assert (start.failed, len(seen)) == (0, 8)


def test_an_answer_without_end_is_left(server: Server) -> None:
    port, _ = server(OK + b"x" * (2 << 20), stay=True)
    assert drive(Plan(port)).failed == 0


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 500 -\r\n\r\n"])
def test_what_is_no_good_answer_is_a_failed_request(server: Server, answer: bytes) -> None:
    port, _ = server(answer)
    assert drive(Plan(port)).failed == 1


def test_a_port_that_refuses_is_a_failed_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert drive(Plan(port)).failed == 1


def test_who_never_answers_is_waited_for_until_the_time_is_over(server: Server) -> None:
    port, _ = server(b"", stay=True)
    start = drive(Plan(port, 5, timeout=0.5))
    assert (start.sent, start.over) == (1, True)


def test_a_connection_that_is_given_up_counts_as_a_failure(server: Server) -> None:
    port, _ = server(b"", stay=True)
    plan = Plan(port)
    visits = Visits(lambda: plan)  # type: ignore[arg-type, return-value]
    visits.step({}, monotonic())
    assert len(visits.descriptors) == 1
    visits.close()
    assert (visits.descriptors, plan.look().failed) == ([], 1)
