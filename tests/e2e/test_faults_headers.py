"""Headers that no honest caller sends, against the real servers: answered as bare, and nothing malformed goes on."""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Tuple

import pytest

from tests.contract.running import until
from tests.contract.servers import Echo
from tests.e2e.place import APPS, Place, Program, exchange, opened

pytestmark = pytest.mark.slow
MEGABYTE = b"x" * 1_000_000
UVICORN = ("-m", "uvicorn", "--port", "0", "--app-dir", str(APPS), "--log-level", "error", "front_asgi:application")
SERVERS: Dict[str, Tuple[str, ...]] = {
    "gunicorn": (
        "-m", "gunicorn", "-b", "127.0.0.1:0", "--no-control-socket", "--chdir", str(APPS), "--log-level", "critical",
        "front_wsgi",
    ),
    "gunicorn-gthread": (
        "-m", "gunicorn", "-b", "127.0.0.1:0", "--no-control-socket", "--chdir", str(APPS), "--log-level", "critical",
        "--threads", "2", "front_wsgi",
    ),
    "uvicorn-h11": (*UVICORN, "--http", "h11"),
    "uvicorn-httptools": (*UVICORN, "--http", "httptools"),
    "aiohttp": (str(APPS / "front_aiohttp.py"),),
}  # fmt: skip
POLARIS = b"X-Polaris-Metadata-Transitive-"
MEMBERS = b",".join(b"k%d=v%d" % (number, number) for number in range(1000))

REQUESTS: Dict[str, Tuple[bytes, List[str]]] = {
    # name: (headers, the values of `baggage` that stock may see then)
    "1 MB of nothing": (b"X-Big: " + MEGABYTE, []),
    "1 MB of baggage": (b"baggage: lane=" + MEGABYTE, []),
    "1 MB of a dialect": (POLARIS + b"lane: " + MEGABYTE, []),
    "1 MB of a name": (POLARIS + MEGABYTE + b": gray", []),
    "1 MB carried": (b"X-Tenant: " + MEGABYTE, []),
    "Latin-1": (b"baggage: lane=gr\xe4y", []),
    "UTF-8": (b"baggage: lane=\xe7\x81\xb0", []),
    "UTF-8 of a dialect": (POLARIS + b"lane: \xe7\x81\xb0", []),
    "a quoted letter": (b"baggage: lane=gr%C3%A4y", []),
    "a key of letters elsewhere": (b"baggage: l\xe4ne=gray", []),
    "quoted CR LF": (b"baggage: lane=a%0d%0aX-Evil:%201", []),
    "quoted CR LF of a dialect": (POLARIS + b"lane: a%0d%0aX-Evil:%201", []),
    "a bare CR": (b"baggage: lane=a\rX-Evil: 1", []),
    "a bare LF": (b"baggage: lane=a\nX-Evil: 1", ["lane=a"]),  # some servers end the line there
    "a folded line": (b"baggage: lane=a\r\n X-Evil: 1", []),
    "NUL": (b"baggage: lane=a\0b", []),
    "1,000 members": (b"baggage: " + MEMBERS, []),
    "1,000 members and a lane": (b"baggage: " + MEMBERS + b",lane=gray", []),
    "a lane and 1,000 members": (b"baggage: lane=gray," + MEMBERS, ["lane=gray"]),
    "1,000 headers": (b"\r\n".join(b"baggage: k%d=v" % number for number in range(1000)), []),
    "1,000 of a dialect": (b"\r\n".join(POLARIS + b"k%d: v" % number for number in range(1000)), []),
    "a value without end": (b"baggage: lane", []),
    "two lanes": (b"baggage: lane=gray\r\nbaggage: lane=blue", ["lane=gray"]),
    "a caller": (b"X-Meshrun-Caller: a\tb\xe4", []),
}


class Pair(NamedTuple):
    """The same server twice, and what stands behind the one under meshrun."""

    place: Place
    bare: Program
    ours: Program
    stock: Echo


@pytest.fixture(scope="module", params=SERVERS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A server under meshrun and bare."""
    with opened() as place:
        (stock,) = place.mesh.service("stock")
        command = SERVERS[request.param]
        bare, ours = place.start(*command, bare=True), place.start(*command, SERVICE="web", CARRY="x-tenant,x-user")
        place.registered(ours)
        until(lambda: exchange(bare.port(), head("/plain", b"")).endswith(b"plain"), bare.said)
        yield Pair(place, bare, ours, stock)


def head(path: str, headers: bytes) -> bytes:
    lines = [b"GET %s HTTP/1.1" % path.encode(), b"Host: web", b"Connection: close", *([headers] if headers else [])]
    return b"\r\n".join([*lines, b"", b""])


@pytest.mark.parametrize("name", REQUESTS)
def test_it_is_answered_as_bare_and_nothing_malformed_goes_on(pair: Pair, name: str) -> None:
    headers, allowed = REQUESTS[name]
    plain = exchange(pair.bare.port(), head("/plain", headers))
    assert exchange(pair.ours.port(), head("/plain", headers)) == plain
    before = len(pair.stock.seen)
    answer = exchange(pair.ours.port(), head("/call", headers))
    assert answer.split(b"\r\n", 1)[0] == plain.split(b"\r\n", 1)[0]
    calls = pair.stock.seen[before:]
    assert len(calls) == (b" 200 " in plain.split(b"\r\n", 1)[0])
    for call in calls:
        assert set(call.header("baggage")) <= set(allowed)
        assert call.header("x-meshrun-caller") == ["web.default"]
        names = sorted(key for key, _ in call.headers if key.startswith("x-") and key != "x-meshrun-caller")
        if name == "1,000 of a dialect":  # a colour has 16 pairs, whatever their keys
            assert len(names) == 16
            assert names == [key for key in names if re.fullmatch(r"x-polaris-metadata-transitive-k\d+", key)]
        else:
            assert names == ["x-polaris-metadata-transitive-lane"] * len(call.header("baggage"))
        assert len(call.head) < 2000


def test_a_carried_header_keeps_its_bytes(pair: Pair) -> None:
    """Names of people are UTF-8 on the wire, whatever the libraries make of them in between."""
    for value in (b"plain", b"\xe5\xbc\xa0\xe4\xb8\x89", b"Zo\xc3\xab", b"%E4%BD%A0"):
        before = len(pair.stock.seen)
        assert exchange(pair.ours.port(), head("/call", b"X-User: " + value)).endswith(b"200")
        (call,) = pair.stock.seen[before:]
        assert b"\r\nx-user: %s\r\n" % value in call.head.replace(b"X-User", b"x-user")


def test_a_carried_header_that_no_text_can_be_made_of_fails_no_call(pair: Pair) -> None:
    for value in (b"Zo\xeb", b"\xff\xfe", b"a\x01b", b"a\tb"):
        plain = exchange(pair.bare.port(), head("/plain", b"X-User: " + value))
        answer = exchange(pair.ours.port(), head("/call", b"X-User: " + value))
        assert answer.split(b"\r\n", 1)[0] == plain.split(b"\r\n", 1)[0]
        assert answer.endswith(b"200") or b" 200 " not in plain


def test_it_serves_on_and_said_nothing(pair: Pair) -> None:
    assert exchange(pair.ours.port(), head("/call", b"baggage: lane=gray")).endswith(b"200")
    assert pair.ours.ours() == []
