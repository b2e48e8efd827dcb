"""Requests as bytes bring them: what can be read in one way is, everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshrun.core.asked import MAX_BODY, MAX_HEAD, Refused, head

GET = b"GET /status?x=1 HTTP/1.1\r\nHost: localhost\r\nX-A:  b \r\n\r\n"


def test_a_whole_head_is_read() -> None:
    found = head(GET + b"more")
    assert found is not None
    assert (found.method, found.path, found.length, found.size) == ("GET", "/status", 0, len(GET))
    assert (found.one("host"), found.one("x-a"), found.one("x-b")) == ("localhost", "b", None)


def test_every_beginning_of_a_head_waits_for_more() -> None:
    assert [head(GET[:end]) for end in range(len(GET))] == [None] * len(GET)


def test_a_header_that_stands_twice_has_no_one_value() -> None:
    found = head(b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n")
    assert found is not None
    assert (found.one("host"), found.all("host")) == (None, ("a", "a"))


@pytest.mark.parametrize("length", [0, 5, MAX_BODY])
def test_a_body_of_a_known_length_is_announced(length: int) -> None:
    found = head(b"POST /mode HTTP/1.0\r\nContent-Length: %d\r\nContent-Length: %d\r\n\r\n" % (length, length))
    assert found is not None
    assert found.length == length


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("GET /status", 400),
        ("GET  /status HTTP/1.1", 400),
        ("GET /status HTTP/2", 400),
        ("G\0T /status HTTP/1.1", 400),
        (" / HTTP/1.1", 400),
        ("GET / HTTP/1.1\r\nHost", 400),
        ("GET / HTTP/1.1\r\n: a", 400),
        ("GET / HTTP/1.1\r\nHost : a", 400),
        ("GET / HTTP/1.1\r\n Host: a", 400),
        ("GET / HTTP/1.1\r\nA: b\r\n c", 400),
        ("GET / HTTP/1.1\r\nHost: a\nb", 400),
        ("GET / HTTP/1.1\r\nHost: a\0", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked", 411),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 1", 411),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", 400),
        ("POST / HTTP/1.1\r\nContent-Length: -1", 400),
        ("POST / HTTP/1.1\r\nContent-Length: +1", 400),
        ("POST / HTTP/1.1\r\nContent-Length: 1, 1", 400),
        ("POST / HTTP/1.1\r\nContent-Length: \xb2", 400),
        ("POST / HTTP/1.1\r\nContent-Length:", 400),
        ("POST / HTTP/1.1\r\nContent-Length: %d" % (MAX_BODY + 1), 413),
        ("POST / HTTP/1.1\r\nContent-Length: %s" % ("9" * 5000), 413),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: str, status: int) -> None:
    with pytest.raises(Refused) as refused:
        head(text.encode("latin-1") + b"\r\n\r\n")
    assert refused.value.status == status


def test_a_head_is_bounded_whatever_comes_after() -> None:
    room = MAX_HEAD - len(b"GET / HTTP/1.1\r\nA: \r\n\r\n")
    assert head(b"GET / HTTP/1.1\r\nA: %s\r\n\r\n" % (b"a" * room)) is not None
    for data in (b"GET / HTTP/1.1\r\nA: %s\r\n\r\n" % (b"a" * (room + 1)), b"\xff" * MAX_HEAD):
        with pytest.raises(Refused) as refused:
            head(data)
        assert refused.value.status == 431


PIECES = (b"GET", b"/", b" ", b"HTTP/1.1", b"\r\n", b"\n", b":", b"Content-Length", b"9", b"-", b"\0", b"\r\n\r\n")


def outcome(data: bytes) -> int:
    """The status of the refusal; 0: more is to come, 1: it is read."""
    try:
        found = head(data)
    except Refused as refused:
        return refused.status
    return 0 if found is None else int(found.size <= len(data) and 0 <= found.length <= MAX_BODY)


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=9)), max_size=40).map(b"".join))
def test_whatever_comes_is_read_refused_or_waited_for(data: bytes) -> None:
    assert outcome(data) in (0, 1, 400, 411, 413, 431)
