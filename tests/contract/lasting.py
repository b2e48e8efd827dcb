"""The contract of servers with WebSockets, while the instance drains: each is closed by itself, and none holds it."""

from __future__ import annotations

import contextlib
import re
import select
import signal
from typing import ClassVar, Collection, List, Tuple

import pytest

from tests.contract.parting import PartingContract
from tests.contract.running import Running, Stage, answer, until

OURS = "meshrun: (lasting|meshrun_hooks)"
"""How a line of the log begins that tells of a failure in what is tested here."""
_TEXT, _CLOSE = 1, 8
_MANY = 8


class Socket:
    """A WebSocket of the path ``/lasting``."""

    def __init__(self, running: Running, name: str) -> None:
        self.name = name
        self._running = running
        self._connection = running.connect()
        self._socket = self._connection.sock
        lines = [
            "GET /lasting?%s HTTP/1.1" % name, "Host: web", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", "",
        ]  # fmt: skip
        self._socket.sendall("\r\n".join(lines).encode())
        self._stream = self._socket.makefile("rb")
        assert b" 101 " in self._stream.readline()
        while self._stream.readline() != b"\r\n":
            pass

    def send(self, opcode: int, payload: bytes) -> None:
        """Send one frame, with a mask of zeros."""
        self._socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def read(self) -> Tuple[int, bytes]:
        """The next frame: its opcode, and what is in it."""
        head = self._stream.read(2)
        assert len(head) == 2, self._running.said()
        return head[0] & 0x0F, self._stream.read(head[1] & 0x7F)

    @property
    def readable(self) -> bool:
        """Whether the server has sent something that nobody read."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def echo(self) -> None:
        """Send a message, and see it come back."""
        self.send(_TEXT, b"again")
        assert self.read() == (_TEXT, b"again")

    def closed(self) -> int:
        """Wait until the server closes it, answer, and wait for the end of the connection. The code of the close."""
        opcode, payload = self.read()
        assert opcode == _CLOSE
        with contextlib.suppress(OSError):  # it may have closed the connection as well
            self.send(_CLOSE, payload[:2])
            self._stream.read()
        return int.from_bytes(payload[:2], "big")

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
        self._connection.close()


class LastingContract(PartingContract):
    """What holds for every server that has a way to close a WebSocket."""

    codes: ClassVar[Collection[int]]  # what the client reads

    @pytest.mark.parametrize("how", ["signal", "offline"])
    def test_they_are_closed_one_after_the_other(self, on: Stage, opened: List[Socket], how: str) -> None:
        running = on.start()
        on.registered(running)
        opened += [Socket(running, "socket-%d" % number) for number in range(_MANY)]
        for one in opened:
            one.echo()
        with contextlib.closing(running.hold("last")) as held:
            if how == "signal":
                running.kill(signal.SIGTERM)
            else:
                running.offline()
            until(lambda: any(one.readable for one in opened), running.said)
            assert not all(one.readable for one in opened)
            assert {one.closed() for one in opened} <= set(self.codes)
            assert {self.told(running, one) for one in opened} <= set(self.seen)
            late = Socket(running, "late")
            opened.append(late)
            late.echo()
            assert late.closed() in self.codes
            assert running.drains()
            running.open("last")
            assert answer(held).status == 200
        if how == "offline":
            until(lambda: running.status().get("state") == "offline", lambda: str(running.status()))
            running.kill(signal.SIGTERM)
        assert running.exit_code() == self.bare_code(on), running.said()
        assert not re.search(OURS, running.said()), running.said()
        assert "Traceback" not in running.said(), running.said()

    def test_one_that_the_client_closed_before_is_no_matter(self, on: Stage, opened: List[Socket]) -> None:
        running = on.start()
        on.registered(running)
        opened += [Socket(running, "left"), Socket(running, "open")]
        opened[0].send(_CLOSE, b"\x03\xe8")
        self.told(running, opened[0])
        running.kill(signal.SIGTERM)
        assert opened[1].closed() in self.codes
        assert running.exit_code() == self.bare_code(on), running.said()
        assert not re.search(OURS, running.said()), running.said()

    def test_one_whose_client_says_nothing_does_not_hold_it(self, on: Stage, opened: List[Socket]) -> None:
        running = on.start()
        on.registered(running)
        opened.append(Socket(running, "silent"))
        running.kill(signal.SIGTERM)
        assert running.exit_code() == self.bare_code(on), running.said()
        assert not re.search(OURS, running.said()), running.said()
