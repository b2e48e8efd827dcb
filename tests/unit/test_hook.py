"""What hooks share: the addresses of sockets that a server has bound."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from meshrun import hook


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[List[socket.socket]]:
    """One of IPv4, one of Unix, one more of IPv4, all bound."""
    made = [socket.socket(family) for family in (socket.AF_INET, socket.AF_UNIX, socket.AF_INET)]
    try:
        for sock in made:
            sock.bind(str(tmp_path / "s") if sock.family == socket.AF_UNIX else ("127.0.0.1", 0))
        yield made
    finally:
        for sock in made:
            sock.close()


def test_each_bound_socket_but_those_of_unix_is_listened_on(
    monkeypatch: pytest.MonkeyPatch, sockets: List[socket.socket]
) -> None:
    told: List[Any] = []
    monkeypatch.setattr(hook, "listening", lambda *args, **kwargs: told.append((args, kwargs)))

    hook.bound(sockets, tls=True, keepalive=5.0, thread=7, root=3)

    ports = [sock.getsockname()[1] for sock in sockets if sock.family == socket.AF_INET]
    assert told == [(("127.0.0.1", port, "http", True, 5.0), {"thread": 7, "root": 3}) for port in ports]


def test_a_socket_that_cannot_be_asked_is_the_callers_to_guard(sockets: List[socket.socket]) -> None:
    sockets[0].close()

    with pytest.raises(OSError, match="descriptor"):
        hook.bound(sockets, tls=False, keepalive=None)


class Loop:
    """As the loops of servers: a method runs as long as the object serves."""

    def __init__(self) -> None:
        self.begun, self.over = threading.Event(), threading.Event()

    def run(self) -> None:
        """Until it is over."""
        self.begun.set()
        self.over.wait(30)


def test_the_calls_under_way_are_found_with_their_thread_and_object() -> None:
    assert hook.inside(Loop.run) == []
    loop = Loop()
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        loop.begun.wait(30)
        assert hook.inside(Loop.run, Loop.__init__) == [(thread.ident, loop)]
    finally:
        loop.over.set()
        thread.join()
