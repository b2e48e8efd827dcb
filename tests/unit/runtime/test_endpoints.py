"""A socket on which a process answers: askers of every kind, none of whom is ever waited for."""

from __future__ import annotations

import _socket
import os
import select
import socket
from typing import Callable, Dict, Iterator, List, Optional

import pytest

from meshrun.core.asked import Head
from meshrun.runtime.answers import Answer, Routes, plain
from meshrun.runtime.endpoints import MOST, Endpoint
from meshrun.runtime.exchange import READ_SECONDS, WRITE_SECONDS

LARGE = "x" * 8_000_000
BODIES: List[bytes] = []


def echo(body: bytes) -> Answer:
    BODIES.append(body)
    return plain(200, "%d" % len(body))


def fail(body: bytes) -> Answer:
    raise ValueError(body)


ROUTES: Routes = {
    ("GET", "/health"): lambda _: plain(200, "ok"),
    ("GET", "/large"): lambda _: plain(200, LARGE),
    ("POST", "/echo"): echo,
    ("GET", "/fail"): fail,
}


class Stand:
    """An endpoint on a port of its own, driven by hand: `now` is its clock."""

    def __init__(
        self, rate: int = 256, refuses: Callable[[Head], Optional[Answer]] = lambda _: None, *, admits: bool = True
    ) -> None:
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        self.address = listener.getsockname()
        self.endpoint = Endpoint(listener, ROUTES, rate=rate, admits=lambda _: admits, refuses=refuses)
        self.now = 100.0
        self.askers: List[socket.socket] = []

    def ask(self, data: bytes = b"") -> socket.socket:
        asker = socket.create_connection(self.address, timeout=20)
        self.askers.append(asker)
        asker.sendall(data)
        return asker

    def turn(self, times: int = 1) -> bool:
        """So many turns of the loop, each with all that is ready; whether anything was answered."""
        answered = False
        for _ in range(times):
            poller = select.poll()
            wanted: Dict[int, int] = {}
            self.endpoint.wanted(wanted.__setitem__)
            for number, mask in wanted.items():
                poller.register(number, mask)
            answered = self.endpoint.step(dict(poller.poll(20)), self.now) or answered
        return answered

    def answer(self, asker: socket.socket, turns: int = 6) -> bytes:
        self.turn(turns)
        asker.settimeout(0.2)
        data = b""
        try:
            while True:
                block = asker.recv(1 << 20)
                if not block:
                    return data
                data += block
                self.turn()
        except socket.timeout:
            return data + b"<open>"

    def close(self) -> None:
        self.endpoint.close()
        for asker in self.askers:
            asker.close()


@pytest.fixture
def stand() -> Iterator[Callable[..., Stand]]:
    made: List[Stand] = []

    def make(*words: int, **more: object) -> Stand:
        made.append(Stand(*words, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[..., Stand]
GET = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_request_is_answered_and_the_connection_ends(stand: Make) -> None:
    on = stand()
    asker = on.ask(GET)
    assert on.turn(3)
    head, _, body = on.answer(asker).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK", b"Content-Type: text/plain", b"Content-Length: 3", b"Cache-Control: no-store",
        b"Connection: close",
    ]  # fmt: skip
    assert body == b"ok\n"


def test_a_request_that_comes_byte_by_byte_is_answered(stand: Make) -> None:
    on = stand()
    asker = on.ask()
    for number in range(len(GET)):
        on.turn()
        asker.sendall(GET[number : number + 1])
    assert on.answer(asker).endswith(b"ok\n")


def test_head_asks_as_get_does_and_gets_no_body(stand: Make) -> None:
    on = stand()
    said = on.answer(on.ask(GET.replace(b"GET", b"HEAD")))
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 3\r\n" in said
    assert said.endswith(b"\r\n\r\n")


def test_a_body_comes_whole_after_the_asker_was_told_to_go_on(stand: Make) -> None:
    on = stand()
    asker = on.ask(b"POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 40000\r\n\r\n")
    on.turn(3)
    assert asker.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    asker.sendall(b"b" * 40000)
    assert on.answer(asker, 20).endswith(b"40000\n")
    assert BODIES.pop() == b"b" * 40000


def test_an_answer_is_sent_as_fast_as_it_is_taken_and_no_longer_than_a_bound(stand: Make) -> None:
    on = stand()
    taken, left = on.ask(GET.replace(b"health", b"large")), on.ask(GET.replace(b"health", b"large"))
    assert on.answer(taken).endswith(b"x\n")
    on.now += WRITE_SECONDS
    assert on.answer(left, 0)[-1:] in (b"x", b">")
    on.turn(2)
    assert len(on.endpoint.descriptors) == 1


@pytest.mark.parametrize("data", [b"", GET[:-2], b"POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\n1"])
def test_whoever_does_not_ask_in_time_is_closed(stand: Make, data: bytes) -> None:
    on = stand()
    asker = on.ask(data)
    on.turn(3)
    assert on.endpoint.due(on.now + 9) == on.now + READ_SECONDS
    on.now += READ_SECONDS - 0.01
    on.turn()
    assert len(on.endpoint.descriptors) == 2
    on.now += 0.01
    assert on.answer(asker) == b""
    assert on.endpoint.due(on.now + 9) == on.now + 9


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\0\xff" * 100_000, b"431 Request Header Fields Too Large"),
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 70000\r\n\r\n" + b"b" * 70_000, b"413 Content Too Large"),
        (b"GET /nothing HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"PUT /health HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
        (b"POST /health HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
        (b"GET /fail HTTP/1.1\r\n\r\n", b"500 Internal Server Error"),
    ],
)
def test_what_cannot_be_answered_is_told_so(stand: Make, data: bytes, said: bytes) -> None:
    on = stand()
    asker = on.ask(b"")
    asker.setblocking(False)
    try:
        asker.sendall(data)
    except BlockingIOError:  # more than the buffers hold; the refusal comes before the rest
        pass
    assert on.answer(asker, 10).startswith(b"HTTP/1.1 " + said)


def test_whoever_may_not_ask_is_refused_before_the_body_is_read_and_hears_it(stand: Make) -> None:
    on = stand(refuses=lambda _: plain(401, "no"))
    BODIES.clear()
    asker = on.ask(b"POST /echo HTTP/1.1\r\nContent-Length: 60000\r\n\r\n" + b"b" * 60_000)
    on.turn(4)
    asker.shutdown(socket.SHUT_WR)
    said = on.answer(asker, 12)
    assert said.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"\r\nWWW-Authenticate: Bearer\r\n" in said
    assert (BODIES, len(on.endpoint.descriptors)) == ([], 1)


def test_a_connection_that_is_not_admitted_is_closed_unheard(stand: Make) -> None:
    on = stand(admits=False)
    asker = on.ask()
    assert on.answer(asker) == b""
    assert len(on.endpoint.descriptors) == 1


def test_silent_askers_do_not_keep_others_out(stand: Make) -> None:
    on = stand()
    silent = [on.ask() for _ in range(MOST)]
    on.turn(MOST + 2)
    assert len(on.endpoint.descriptors) == 1 + MOST
    assert on.answer(on.ask(GET)).endswith(b"ok\n")
    assert on.answer(silent[0]) == b""
    assert on.answer(silent[-1]) == b"<open>"


def test_more_than_the_rate_wait_for_the_next_tick(stand: Make) -> None:
    on = stand(2)
    askers = [on.ask(GET) for _ in range(3)]
    assert [on.answer(asker)[-6:] for asker in askers] == [b"\n\r\nok\n", b"\n\r\nok\n", b"<open>"]
    on.endpoint.refill()
    assert on.answer(askers[2]).endswith(b"ok\n")


def test_an_asker_who_leaves_is_forgotten(stand: Make) -> None:
    on = stand()
    for data in (b"", b"GET /he", GET.replace(b"health", b"large")):
        asker = on.ask(data)
        on.turn(3)
        asker.close()
        on.turn(40)
        assert len(on.endpoint.descriptors) == 1


def test_descriptors_that_the_app_took_over_are_left_alone(stand: Make) -> None:
    on = stand()
    asker = on.ask()
    on.turn(2)
    numbers = [one.number for one in on.endpoint.descriptors]
    mine = os.open("/dev/null", os.O_RDONLY)
    for number in numbers:
        os.dup2(mine, number)
    assert not any(one.ours for one in on.endpoint.descriptors)
    on.endpoint.close()
    for number in numbers:
        assert os.path.sameopenfile(number, mine)
        os.close(number)
    os.close(mine)
    asker.close()
