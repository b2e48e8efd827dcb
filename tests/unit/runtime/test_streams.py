"""Server-sent events: which responses are such streams, and where one may end."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any, Callable, List, Optional, Sequence, Tuple

import pytest

from meshrun import _guard, hook
from meshrun.lifecycle.page import Limits
from meshrun.lifecycle.requests import Requests
from meshrun.runtime import streams
from meshrun.runtime.headers import NOTHING
from meshrun.runtime.inbound import Request
from meshrun.runtime.streams import AGAIN_SECONDS, Events

SHORT = Limits(6.0, 0.2, 0.0)
HEAD = [(b"content-type", b"text/event-stream")]
PIECES = (b"", b"\n", b"\r", b"\r\n", b"x", b"data: x\n", b"x\r\n", b"\n\n", b"x\r\r", b"\r\nx")


class Loop:
    """An event loop that only notes what it is asked for."""

    def __init__(self) -> None:
        self.later: List[Tuple[float, Callable[[], object]]] = []

    def call_soon_threadsafe(self, function: Callable[..., object], *args: object) -> None:
        function(*args)

    def call_later(self, delay: float, function: Callable[[], object]) -> None:
        self.later.append((delay, function))

    def run(self) -> None:
        """Let what it was asked for happen."""
        later, self.later = self.later, []
        for _, function in later:
            function()


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"text/event-stream")],
        [("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-store")],
        ((b"X-Accel-Buffer", b"no"), (b"CONTENT-TYPE", b"Text/Event-Stream ;x=y")),
    ],
)
def test_the_head_of_events(headers: Sequence[Tuple[Any, Any]]) -> None:
    assert streams.are_events(headers)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"text/plain")],
        [(b"x-content-typ", b"text/event-stream")],
        [(b"content-type", b"text/event-stream"), (b"content-length", b"12")],
        [("Content-Encoding", "gzip"), ("Content-Type", "text/event-stream")],
        iter([(b"content-type", b"text/event-stream")]),
    ],
)
def test_the_head_of_anything_else(headers: Any) -> None:
    assert not streams.are_events(headers)


def test_headers_that_can_be_read_once_are_left_to_the_server() -> None:
    headers = iter([(b"content-type", b"text/event-stream")])

    streams.are_events(headers)  # type: ignore[arg-type]

    assert len(list(headers)) == 1


def answered(method: str, status: Optional[int]) -> Request:
    """A request that the server has answered."""
    process: Any = SimpleNamespace(server=Requests())
    request = Request(process, (), NOTHING, True, method)
    if status is not None:
        request.status(status)
    return request


def test_events_follow_a_head_with_status_200() -> None:
    assert isinstance(answered("GET", 200).events(HEAD), Events)
    assert isinstance(answered("POST", 200).events(HEAD), Events)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", None), ("GET", 204), ("GET", 404)])
def test_nothing_follows_any_other_response(method: str, status: Optional[int]) -> None:
    assert answered(method, status).events(HEAD) is None


def test_a_response_of_another_kind_is_no_stream() -> None:
    assert answered("GET", 200).events([(b"content-type", b"text/plain")]) is None


def test_a_request_that_knows_nothing_has_no_stream() -> None:
    untouched: Any = hook.UNTOUCHED

    assert untouched.events(HEAD) is None


def test_headers_that_cannot_be_read_are_said_once_and_begin_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_guard, "errors", {})
    headers: Any = [(None, None)]

    assert [answered("GET", 200).events(headers) for _ in range(2)] == [None, None]

    assert capsys.readouterr().err.count("meshrun: events: TypeError") == 1
    assert _guard.errors == {"events": 2}


@pytest.mark.parametrize("stream", [b"", b"\n", b"\r\n", b"x\n\n", b"x\r\n\r\n", b"x\r\r", b"x\n\r\n", b"x\r\r\n"])
def test_a_stream_is_whole_behind_a_blank_line(stream: bytes) -> None:
    assert streams.is_whole(stream)


@pytest.mark.parametrize("stream", [b"x", b"x\n", b"x\r", b"x\r\n", b"\n\nx", b"x\n\ny\r\n"])
def test_a_stream_is_torn_elsewhere(stream: bytes) -> None:
    assert not streams.is_whole(stream)


def test_how_a_stream_is_cut_into_pieces_is_no_matter() -> None:
    for pieces in itertools.product(PIECES, repeat=4):
        events = Events(Requests())
        events.at = 0.0
        for piece in pieces:
            answer = events.sent(piece if len(piece) % 2 else memoryview(piece))
        assert answer is streams.is_whole(b"".join(pieces)), pieces


def test_one_that_is_whole_ends_at_its_moment() -> None:
    server, loop, ends = Requests(), Loop(), []
    events = Events(server)
    events.watch(lambda: ends.append(1), loop)
    assert not events.sent(b"data: 1\n\n")
    server.lasting.part(1000.0, SHORT, 1006.0)

    loop.run()

    assert ends == [1]


def test_one_that_is_torn_at_its_moment_ends_behind_the_event() -> None:
    server, loop, ends = Requests(), Loop(), []
    events = Events(server)
    events.watch(lambda: ends.append(1), loop)
    events.sent(b"data: 1\n")
    server.lasting.part(1000.0, SHORT, 1006.0)

    loop.run()

    assert ends == []
    assert not events.sent(b"data: 2\n")
    assert events.sent(b"\n")


def test_one_that_has_ended_is_left_alone() -> None:
    server, loop, ends = Requests(), Loop(), []
    events = Events(server)
    events.watch(lambda: ends.append(1), loop)
    server.lasting.part(1000.0, SHORT, 1006.0)
    events.forget()

    loop.run()

    assert ends == []


def test_one_that_cannot_end_yet_is_asked_again_one_at_a_time() -> None:
    loop, ends = Loop(), []
    events = Events(Requests())
    events.watch(lambda: ends.append(1), loop)
    events.close_later(loop)
    events.close_later(loop)

    assert [delay for delay, _ in loop.later] == [AGAIN_SECONDS]
    loop.run()

    assert ends == [1]


def test_a_thread_hears_of_the_moment_by_its_next_event(monkeypatch: pytest.MonkeyPatch) -> None:
    server, now = Requests(), [50.0]
    monkeypatch.setattr(streams, "monotonic", lambda: now[0])
    events = Events(server)
    events.watch_thread()
    assert not events.sent(b"data: 1\n\n")
    server.lasting.part(1000.0, SHORT, 1006.0)
    assert not events.sent(b"data: 2\n\n")
    now[0] += 6.0

    assert not events.sent(b"data: 3\n")
    assert events.sent(b"\n")


def test_what_was_sent_with_the_head_by_a_thread_is_not_taken_for_a_line_end() -> None:
    events = Events(Requests())
    events.watch_thread()
    events.at = 0.0

    assert not events.sent(b"\n")
    assert events.sent(b"\n")
