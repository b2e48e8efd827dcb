"""The contract of servers with server-sent events, while the instance drains: each stream ends between two events."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from functools import partial
from typing import ClassVar, List, Tuple
from urllib.parse import urlencode

from tests.contract.parting import PartingContract
from tests.contract.running import Running, Stage, until

IDLE_SECONDS = 600
"""How long a stream says nothing: whoever waits for it has failed."""
OURS = "meshrun: (events|lasting|meshrun_hooks)"
_EVENT = rb"id: \d+\ndata: again\r\n\r\n"


class Source:
    """A client of the path ``/events`` that reads what comes, as it comes."""

    def __init__(self, running: Running, name: str, version: str = "1.1", method: str = "GET", **asked: object) -> None:
        self.name = name
        self._running = running
        self._connection = running.connect()
        self._socket = self._connection.sock
        query = urlencode({"name": name, **asked})
        self._socket.sendall(("%s /events?%s HTTP/%s\r\nHost: web\r\n\r\n" % (method, query, version)).encode())
        self._data = b""

    def begun(self, number: int = 1) -> None:
        """Wait until so many events are here."""
        while self._data.count(b"again\r\n\r\n") < number:
            self._more()

    def _more(self) -> bool:
        block = self._socket.recv(65536)
        self._data += block
        return bool(block)

    def ended(self) -> Tuple[bytes, bytes]:
        """Wait until the server closes the connection: the head and the body."""
        while self._more():
            pass
        head, _, body = self._data.partition(b"\r\n\r\n")
        return head.lower(), _unchunked(body) if b"chunked" in head.lower() else body

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _unchunked(body: bytes) -> bytes:
    """What chunks hold, which end with the last one and nothing behind it."""
    found = b""
    while True:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        found, body = found + rest[:length], rest[length:]
        assert body[:2] == b"\r\n"
        body = body[2:]
        if not length:
            assert body == b""
            return found


class EventsContract(PartingContract):
    """What holds for every server that can end them."""

    idles: ClassVar[bool] = True  # one that says nothing ends as well

    def test_they_end_between_two_events(self, on: Stage, opened: List[Source]) -> None:
        running = on.start()
        on.registered(running)
        opened += [Source(running, "stream-%d" % number) for number in range(3)]
        if self.idles:
            opened.append(Source(running, "slow", events=1, idle=IDLE_SECONDS))
        for one in opened:
            one.begun()
        running.kill(signal.SIGTERM)
        for one in opened:
            head, body = one.ended()
            assert b" 200 " in head
            assert re.fullmatch(b"(%s)+" % _EVENT, body), body
            assert self.told(running, one) in self.seen
        assert running.exit_code() == self.bare_code(on), running.said()
        assert not re.search(OURS, running.said()), running.said()
        assert "Traceback" not in running.said(), running.said()

    def test_one_whose_client_reads_late_ends_between_two_events(self, on: Stage, opened: List[Source]) -> None:
        running = on.start()
        on.registered(running)
        opened.append(Source(running, "late", size=1 << 20, pause=0.001))
        opened[0].begun()
        time.sleep(0.5)  # in which every buffer on the way fills
        running.drain()
        time.sleep(1.0)  # its moment comes and goes
        _, body = opened[0].ended()
        assert re.fullmatch(b"(:[.]{%d}\n%s)+" % (1 << 20, _EVENT), body), body[-100:]
        assert self.told(running, opened[0]) in self.seen
        assert running.exit_code() == self.bare_code(on), running.said()
        assert not re.search(OURS, running.said()), running.said()

    def test_one_that_begins_meanwhile_ends_too(self, on: Stage, opened: List[Source]) -> None:
        running = on.start()
        on.registered(running)
        with contextlib.closing(running.hold("last")):
            running.offline()
            until(running.drains, running.said)
            opened.append(Source(running, "late"))
            head, body = opened[0].ended()
            assert b" 200 " in head
            assert re.fullmatch(b"(%s)*" % _EVENT, body), body
            running.open("last")
        assert not re.search(OURS, running.said()), running.said()

    def test_a_client_of_http_1_0_reads_whole_events(self, on: Stage, opened: List[Source]) -> None:
        running = on.start()
        on.registered(running)
        opened.append(Source(running, "old", version="1.0"))
        opened[0].begun()
        running.kill(signal.SIGTERM)
        _, body = opened[0].ended()
        assert re.fullmatch(b"(%s)+" % _EVENT, body), body
        assert running.exit_code() == self.bare_code(on), running.said()

    def test_another_stream_is_waited_for(self, on: Stage, opened: List[Source]) -> None:
        running = on.start()
        on.registered(running)
        opened.append(Source(running, "other", kind="text/plain", events=50))
        opened[0].begun()
        running.kill(signal.SIGTERM)
        _, body = opened[0].ended()
        assert len(re.findall(_EVENT, body)) == 50
        assert until(lambda: running.noted("other"), running.said) == "served"

    def test_one_whose_client_left_before_is_no_matter(self, on: Stage, opened: List[Source]) -> None:
        running = on.start()
        on.registered(running)
        opened += [Source(running, "left"), Source(running, "open")]
        for one in opened:
            one.begun()
        opened[0].close()
        until(lambda: running.noted("left"), running.said)
        running.kill(signal.SIGTERM)
        opened[1].ended()
        assert running.exit_code() == self.bare_code(on), running.said()
        assert not re.search(OURS, running.said()), running.said()

    def test_without_a_drain_the_bytes_are_those_of_bare(self, on: Stage) -> None:
        bare, running = on.start(bare=True), on.start()
        path = "/events?name=whole&events=5"
        assert running.raw(path, {}) == bare.raw(path, {})
        for one in (running, bare):
            assert until(partial(one.noted, "whole"), one.said) == "served"
