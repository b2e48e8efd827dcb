"""Whose colour counts (``MESHRUN_ENTRY``, ``MESHRUN_TRUST``), by the real servers and over every sort of connection."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from meshrun.cli import admin
from tests.contract.running import until
from tests.contract.servers import Echo, Seen
from tests.e2e.place import APPS, BOUND_SECONDS, Place, Program, exchange, opened

pytestmark = pytest.mark.slow

GUNICORN = ("-m", "gunicorn", "--no-control-socket", "--chdir", str(APPS), "--log-level", "critical")
UVICORN = ("-m", "uvicorn", "--app-dir", str(APPS), "--log-level", "error", "--forwarded-allow-ips", "*")
LANE = b"baggage: lane=gray"
FORWARDED = b"X-Forwarded-For: 10.1.1.1\r\nX-Real-Ip: 10.1.1.1\r\nForwarded: for=10.1.1.1"


def _gunicorn(place: Place, bound: str, *more: str) -> Tuple[str, ...]:
    host = {"tcp": "127.0.0.1:0", "six": "[::1]:0", "both": "[::]:0", "unix": "unix:%s" % _path(place)}[bound]
    return (*GUNICORN, "-b", host, "--forwarded-allow-ips", "*", *more)


def _uvicorn(place: Place, bound: str, *more: str) -> Tuple[str, ...]:
    if bound == "unix":
        return (*UVICORN, "--uds", _path(place), *more)
    host = {"tcp": "127.0.0.1", "six": "::1", "both": "::"}[bound]
    return (*UVICORN, "--host", host, "--port", "0", *more)


def _commands(place: Place, bound: str) -> Dict[str, Tuple[str, ...]]:
    where = {"tcp": "127.0.0.1", "six": "::1", "both": "::", "unix": _path(place)}[bound]
    return {
        "gunicorn": _gunicorn(place, bound, "front_wsgi"),
        "gunicorn-gthread": _gunicorn(place, bound, "--threads", "2", "front_wsgi"),
        "uvicorn-h11": _uvicorn(place, bound, "--http", "h11", "front_asgi:application"),
        "uvicorn-httptools": _uvicorn(place, bound, "--http", "httptools", "front_asgi:application"),
        "aiohttp": (str(APPS / "front_aiohttp.py"), where),
    }


SERVERS = ("gunicorn", "gunicorn-gthread", "uvicorn-h11", "uvicorn-httptools", "aiohttp")


def _path(place: Place) -> str:
    return str(place.folder / "front")


class Edge:
    """A server under meshrun, and `stock` behind it."""

    def __init__(self, place: Place, stock: Echo, program: Program, bound: str) -> None:
        self.place = place
        self.stock = stock
        self.program = program
        self._bound = bound

    def seen(self, *headers: bytes, path: str = "/call") -> Seen:
        """Send a request with these headers; the call of stock that came of it."""
        before = len(self.stock.seen)
        head = [b"GET %s HTTP/1.1" % path.encode(), b"Host: web", b"Connection: close", *headers, b"", b""]
        data = b"\r\n".join(head)
        assert b" 200 " in self._exchange(data).split(b"\r\n", 1)[0], self.program.said()
        (call,) = self.stock.seen[before:]
        return call

    def _exchange(self, data: bytes) -> bytes:
        if self._bound == "tcp":
            return exchange(self.program.port(), data)
        until(self._answers, self.program.said)
        with contextlib.closing(self._connect()) as sock:
            sock.sendall(data)
            return b"".join(iter(lambda: sock.recv(65536), b""))

    def _connect(self) -> socket.socket:
        if self._bound == "unix":
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(BOUND_SECONDS)
            sock.connect(_path(self.place))
            return sock
        host = "::1" if self._bound == "six" else "127.0.0.1"
        return socket.create_connection((host, _port(self.program)), timeout=BOUND_SECONDS)

    def _answers(self) -> bool:
        assert self.program.process.poll() is None, self.program.said()
        try:
            self._connect().close()
        except OSError:
            return False
        return True

    def metric(self, why: str) -> int:
        """Members of a colour that were dropped for that reason, in all processes."""
        found = 0
        for path in self.place.state.glob("*.sock"):
            with contextlib.closing(admin.connect(str(path), BOUND_SECONDS)) as sock:
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: meshrun\r\nConnection: close\r\n\r\n")
                page = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
            for line in page.splitlines():
                if line.startswith("meshrun_colour_dropped_total{") and '"%s"' % why in line:
                    found += int(line.rpartition(" ")[2])
        return found


def _port(program: Program) -> int:
    """The port of a server that listens by IPv6."""
    inodes = set()
    for path in Path("/proc/%d/fd" % program.process.pid).iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(path))
    rows = [row.split() for row in Path("/proc/net/tcp6").read_text(encoding="ascii").splitlines()[1:]]
    ports = [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and "socket:[%s]" % row[9] in inodes]
    if not ports:
        raise ConnectionRefusedError
    return ports[0]


@contextlib.contextmanager
def edge(server: str, bound: str = "tcp", **settings: str) -> Iterator[Edge]:
    """The server on an address of that sort, with these settings."""
    with opened() as place:
        (stock,) = place.mesh.service("stock")
        given: Dict[str, Any] = dict(settings, SERVICE="web")
        program = place.start(*_commands(place, bound)[server], **given)
        yield Edge(place, stock, program, bound)


def coloured(call: Seen) -> List[str]:
    """The colour that a call carries, and by which headers."""
    return [
        "%s: %s" % pair for pair in call.headers if pair[0] == "baggage" or pair[0].startswith("x-polaris-metadata")
    ]


@pytest.mark.parametrize("server", SERVERS)
def test_at_an_entry_nobody_is_believed_whatever_the_headers_say(server: str) -> None:
    with edge(server, ENTRY="1") as at:
        for headers in ([LANE], [LANE, FORWARDED], [b"X-Polaris-Metadata-Transitive-lane: gray"]):
            assert coloured(at.seen(*headers)) == []
        assert at.metric("untrusted") == 3
        assert at.program.ours() == []


@pytest.mark.parametrize(
    ("server", "bound"),
    # asyncio's servers keep IPv4 away from an IPv6 address, so that only gunicorn listens to both at once
    [(server, bound) for server in SERVERS for bound in ("tcp", "six", "unix")] + [("gunicorn", "both")],
)
def test_a_list_of_networks_is_held_against_whoever_opened_the_connection(server: str, bound: str) -> None:
    """A peer on a Unix socket is in no network; a mapped address counts as what it maps."""
    if bound in ("six", "both") and not _ipv6():
        pytest.skip("this machine has no IPv6")
    with edge(server, bound, TRUST="192.0.2.0/24, 127.0.0.0/8,::1") as at:
        assert bool(coloured(at.seen(LANE))) is (bound != "unix")
    with edge(server, bound, TRUST="10.0.0.0/8,fd00::/8") as at:
        assert coloured(at.seen(LANE)) == []
        assert coloured(at.seen(LANE, FORWARDED)) == []  # anybody can write that
    if bound == "unix":
        with edge(server, bound, TRUST="all", ENTRY="1") as at:
            assert coloured(at.seen(LANE))


def _ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest.mark.parametrize(
    "settings", [{"TRUST": "10.0.0.0/33"}, {"TRUST": "all,127.0.0.1"}, {"ENTRY": "maybe"}, {"ENTRY": "1", "TRUST": " "}]
)
def test_what_cannot_be_read_opens_nothing(settings: Dict[str, str]) -> None:
    with edge("gunicorn", **settings) as at:
        assert coloured(at.seen(LANE)) == []
        assert len(at.program.ours()) == (settings.get("TRUST") != " ")


def test_an_outsider_gets_what_the_rules_give_and_names_no_caller() -> None:
    """The lane is entered here by the rule; neither the colour nor the caller that a stranger names opens one."""
    rules = """
    kind: Lane
    name: gray
    enter: [{at: [web], when: {header.x-user-id: "7"}}]
    ---
    kind: Lane
    name: ops
    enter: [{at: [web], when: {caller: tools}}, {at: [web], when: {colour.lane: gray}}]
    """
    with edge("gunicorn", ENTRY="1") as at:
        text = "\n".join(line[4:] for line in rules.splitlines())
        at.place.meshctl("rules", "apply", "-f", at.place.script(text, "given.yaml"))
        until(lambda: coloured(at.seen(b"X-User-Id: 7")), at.program.said)
        assert "baggage: lane=gray" in coloured(at.seen(b"X-User-Id: 7", b"baggage: lane=blue"))
        assert coloured(at.seen(b"X-Meshrun-Caller: tools.default")) == []
        assert coloured(at.seen(LANE)) == []
    with edge("gunicorn", TRUST="127.0.0.1") as at:
        at.place.meshctl("rules", "apply", "-f", at.place.script(text, "given.yaml"))
        until(lambda: coloured(at.seen(b"X-Meshrun-Caller: tools.default")), at.program.said)
        assert "baggage: lane=ops" in coloured(at.seen(b"X-Meshrun-Caller: tools.default"))


HANDED_ON = (b"Baggage: userId=7,lane=gray", b"X-Polaris-Metadata-Transitive-Lane: gray", b"X-Meshrun-Caller: me.there")


def test_a_gateway_that_hands_all_headers_on_carries_no_colour_across_the_boundary() -> None:
    """Members of others stay, what a stranger says of lanes does not; out of the mesh the app's headers are its own."""
    with opened() as place:
        (stock,) = place.mesh.service("stock")
        outside = place.mesh.server()
        command = _gunicorn(place, "tcp", "relay")
        shut = Edge(place, stock, place.start(*command, SERVICE="web", ENTRY="1"), "tcp")
        wide = Edge(place, stock, place.start(*command, SERVICE="web"), "tcp")
        assert sorted(coloured(wide.seen(*HANDED_ON))) == [
            "baggage: userId=7,lane=gray", "x-polaris-metadata-transitive-lane: gray",
        ]  # fmt: skip
        call = shut.seen(*HANDED_ON)
        assert call.header("baggage") == ["userId=7"]
        assert call.header("x-polaris-metadata-transitive-lane") == [""]
        assert call.header("x-meshrun-caller") == ["web.default"]
        url = b"http://127.0.0.1:%d/" % outside.port
        to_outside = Edge(place, outside, shut.program, "tcp").seen(*HANDED_ON, b"X-To: " + url)
        assert [to_outside.header(line.split(b":")[0].decode()) for line in HANDED_ON] == [
            ["userId=7,lane=gray"], ["gray"], ["me.there"],
        ]  # fmt: skip


PREFLIGHT = (
    b"Origin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\n"
    b"Access-Control-Request-Headers: x-user-id,baggage,x-meshrun-caller"
)


@pytest.mark.parametrize("mode", ["observe", "enforce"])
@pytest.mark.parametrize("server", SERVERS)
def test_what_a_browser_of_another_origin_is_answered_is_as_bare(server: str, mode: str) -> None:
    with opened() as place:
        command = _commands(place, "tcp")[server]
        path = b"/plain" if server == "aiohttp" else b"/item"
        if server != "aiohttp":
            command = (*command[:-1], "cors:wsgi" if server.startswith("gunicorn") else "cors:asgi")
        bare, ours = place.start(*command, bare=True), place.start(*command, SERVICE="web", LANE="gray", MODE=mode)
        place.registered(ours)
        until(lambda: b" 200 " in exchange(bare.port(), _request(b"GET", path, b"")), bare.said)
        for method, headers in (
            (b"OPTIONS", PREFLIGHT),
            (b"OPTIONS", PREFLIGHT.replace(b"shop.", b"evil.")),
            (b"OPTIONS", PREFLIGHT + b"\r\n" + LANE),
            (b"GET", b"Origin: https://shop.example\r\nX-User-Id: 7"),
            (b"GET", b"Origin: https://evil.example\r\n" + LANE + b"\r\nX-Meshrun-Caller: web.default"),
            (b"POST", b"Origin: https://shop.example\r\nContent-Length: 0\r\nCookie: a=1"),
            (b"HEAD", LANE),
        ):
            data = _request(method, path, headers)
            assert exchange(ours.port(), data) == exchange(bare.port(), data)


def _request(method: bytes, path: bytes, headers: bytes) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (method, path), b"Host: web", b"Connection: close", *([headers] if headers else [])]
    return b"\r\n".join([*lines, b"", b""])
