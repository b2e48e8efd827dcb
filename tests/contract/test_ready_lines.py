"""Our headers as ready lines of a head: what the library itself would write, and nothing where it would refuse."""

from __future__ import annotations

from http.client import HTTPConnection
from typing import List, Tuple

import h11
import pytest

from meshrun_hooks.httpcore import head, routed
from meshrun_hooks.urllib3 import headers

GOOD = (("X-Meshrun-Caller", "web.default"), ("baggage", "lane=gray,kind=caf\xe9"))
BAD = {
    "a line of its own": "one\r\nX-Two: 2",
    "a control character": "one\x00",
    "beyond Latin 1": "\u4e2d",
}


def test_urllib3_gets_what_http_client_writes() -> None:
    connection = HTTPConnection("localhost")
    connection.putrequest("GET", "/")
    for name, value in GOOD:
        connection.putheader(name, value)
    whole = b"\r\n".join(connection._buffer)  # type: ignore[attr-defined]
    _, lines = headers._learn_lines(GOOD)
    assert lines
    assert whole.endswith(b"\r\n" + lines)


@pytest.mark.parametrize("value", [BAD["a line of its own"], BAD["beyond Latin 1"]])
def test_what_http_client_refuses_is_left_for_it_to_refuse(value: str) -> None:
    assert headers._learn_lines((*GOOD, ("X-One", value)))[1] is None


def encoded(pairs: Tuple[Tuple[str, str], ...]) -> List[Tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


def test_httpcore_gets_what_h11_writes() -> None:
    written = h11.Connection(h11.CLIENT).send(
        h11.Request(method=b"GET", target=b"/", headers=[(b"Host", b"x"), *encoded(GOOD)])
    )
    lines = head.lines(encoded(GOOD))
    assert lines
    assert written is not None
    assert written.endswith(lines)


@pytest.mark.parametrize("value", [BAD["a line of its own"], BAD["a control character"]])
def test_what_h11_refuses_is_left_for_it_to_refuse(value: str) -> None:
    assert head.lines(encoded((*GOOD, ("X-One", value)))) is None


def test_framing_is_left_to_h11() -> None:
    assert head.lines([(b"Transfer-Encoding", b"Chunked")]) is None


def test_headers_of_one_call_alone_are_neither_checked_nor_kept() -> None:
    known = dict(routed._known)
    assert routed.encoded(GOOD, steady=False).lines is None
    assert routed._known == known
