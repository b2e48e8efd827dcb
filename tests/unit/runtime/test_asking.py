"""What is seen of a server from outside."""

from __future__ import annotations

import socket
from typing import Iterator

import pytest

from meshrun.runtime.asking import Asking, established
from tests.contract.running import until


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that answers what the test wants."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(8)
        made.settimeout(10)
        yield made


def test_a_port_that_is_open_is_no_answer(listener: socket.socket) -> None:
    asking = Asking("", listener.getsockname()[1], "web")
    assert [asking.answered() for _ in range(5)] == [False] * 5
    taken, _ = listener.accept()
    with taken:
        taken.settimeout(10)
        until(lambda: asking.answered() or taken.recv(1000, socket.MSG_DONTWAIT | socket.MSG_PEEK))
        request = taken.recv(1000)
        assert request == b"OPTIONS * HTTP/1.0\r\nHost: web\r\nX-Meshrun-Probe: 1\r\n\r\n"
        assert not asking.answered()
        taken.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")
        until(asking.answered)


def test_it_asks_again_where_it_is_turned_away_or_answered_in_another_protocol() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        asking = Asking("127.0.0.1", port, "web")
        assert [asking.answered() for _ in range(5)] == [False] * 5
        free.listen(8)
        free.settimeout(10)
        for answer in (b"", b"SSH-2.0\r\n"):
            asking.answered()
            asking.answered()
            taken, _ = free.accept()
            with taken:
                taken.sendall(answer)
            assert not asking.answered()
    assert not asking.answered()


def test_connections_are_counted_from_the_side_of_the_server(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert established(port) == 0
    with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)) as second:
        until(lambda: established(port) == 2)
        second.shutdown(socket.SHUT_WR)  # has said all that it will, and waits
        assert established(port) == 2
        taken, _ = listener.accept()
        taken.close()
        until(lambda: established(port) == 1)
