"""Servers of the contract tests: small, real, on the loopback, with a memory of what they were sent.

They speak plain sockets, so what they remember are the bytes that were on the wire.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import parse_qs, unquote, urlsplit

MAX_WAIT = 20.0
"""Seconds that any socket operation of a test server may take."""


class Seen(NamedTuple):
    """One request as it was on the wire."""

    connection: int  # counted from 1
    head: bytes  # request line and headers, with the empty line
    body: bytes
    method: str
    target: str
    headers: Tuple[Tuple[str, str], ...]  # names in lower case, in order

    def header(self, name: str) -> List[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name.lower()]


class Closed(Exception):
    """The client closed the connection between two requests."""


class Echo:
    """An HTTP/1.1 server. The path says what it does:

    ``/redirect?to=URL`` (``&status=303``), ``/status/503``, ``/flaky/N`` (503 for the first N requests of that path),
    ``/slow/SECONDS``, ``/stream/N`` (N chunks), ``/close`` (ends keep-alive), ``/drain`` (says that it drains),
    ``/hang`` (never answers), ``/lazy/SECONDS`` (waits before it reads the body). Anything else is answered with its
    own name and what it was sent, as JSON; ``?drain=1`` marks any answer.
    """

    def __init__(self, name: str = "", tls: Optional[ssl.SSLContext] = None) -> None:
        self.name = name
        self.seen: List[Seen] = []
        self.accepted = 0
        self.connects: List[str] = []  # targets of CONNECT
        self.names: List[Optional[str]] = []  # SNI of each TLS connection
        self.now = 0  # requests being served
        self.peak = 0  # most of them at the same time
        self.on_change: Callable[[], None] = lambda: None  # called when `now` has grown
        self._open: Dict[int, socket.socket] = {}
        self._tls = tls
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address: Tuple[str, int] = self._listener.getsockname()
        if tls is not None:
            tls.sni_callback = lambda _, name, __: self.names.append(name)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.address[1]

    def stop(self) -> None:
        """Close the listener and every connection."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open.values():
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    @property
    def open(self) -> int:
        """Connections that are open now."""
        with self._lock:
            return len(self._open)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                number = self.accepted
                self._open[number] = sock
            threading.Thread(target=self._connection, args=(sock, number), daemon=True).start()

    def _connection(self, sock: socket.socket, number: int) -> None:
        sock.settimeout(MAX_WAIT)
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            stream = sock.makefile("rb")
            with stream:
                while self._request(sock, stream, number):
                    pass
        except (OSError, Closed, ValueError):
            pass
        finally:
            sock.close()
            with self._lock:
                self._open.pop(number, None)

    def _request(self, sock: socket.socket, stream: Any, number: int) -> bool:
        head = _head(stream)
        method, target, version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        headers = tuple(_pairs(head))
        fields = dict(headers)
        if method == "CONNECT":
            self.connects.append(target)
            self.seen.append(Seen(number, head, b"", method, target, headers))
            self._tunnel(sock, target)
            return False
        if fields.get("expect", "").lower() == "100-continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if target.startswith("/lazy/"):
            self._stopped.wait(float(target.split("/")[2]))
        body = _body(stream, fields)
        seen = Seen(number, head, body, method, target, headers)
        with self._lock:
            self.seen.append(seen)
            self.now += 1
            self.peak = max(self.peak, self.now)
        self.on_change()
        return self._answer(sock, seen) and version == "HTTP/1.1" and fields.get("connection", "").lower() != "close"

    def _answer(self, sock: socket.socket, seen: Seen) -> bool:
        parts = urlsplit(seen.target)
        words = parts.path.strip("/").split("/")
        what, argument = words[0], words[1] if len(words) > 1 else ""
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        extra = [("x-server", self.name)]
        status = 200
        if what == "redirect":
            status = int(query.get("status", "302"))
            extra.append(("location", unquote(query["to"])))
        elif what == "status":
            status = int(argument)
        elif what == "flaky":
            status = 503 if sum(other.target == seen.target for other in self.seen) <= int(argument) else 200
        elif what == "slow":
            self._stopped.wait(float(argument))
        elif what == "hang":
            self._stopped.wait(MAX_WAIT)
        with self._lock:  # before the answer, or the client's next request could come first
            self.now -= 1
        if what == "hang":
            return False
        if what == "drain" or "drain" in query:
            extra.append(("x-meshrun-draining", "1"))
        if what == "stream":
            return self._stream(sock, int(argument), extra)
        if what == "close" or "close" in map(
            str.lower, seen.header("connection")
        ):  # said, or a client may use it again
            extra.append(("connection", "close"))
        body = json.dumps(
            {
                "server": self.name,
                "method": seen.method,
                "target": seen.target,
                "body": seen.body[:99].decode("latin-1"),
            }
        ).encode()
        _send(sock, status, [*extra, ("content-length", str(len(body)))], b"" if seen.method == "HEAD" else body)
        return what != "close"

    def _stream(self, sock: socket.socket, chunks: int, extra: List[Tuple[str, str]]) -> bool:
        _send(sock, 200, [*extra, ("transfer-encoding", "chunked")], b"")
        for number in range(chunks):
            piece = b"%08d" % number * 128
            sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        sock.sendall(b"0\r\n\r\n")
        return True

    def _tunnel(self, sock: socket.socket, target: str) -> None:
        """CONNECT: whatever the name, the port is one of the loopback."""
        with socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2])), timeout=MAX_WAIT) as far:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(far, sock), daemon=True)
            back.start()
            _copy(sock, far)
            back.join(MAX_WAIT)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _head(stream: Any) -> bytes:
    lines: List[bytes] = []
    while True:
        line = stream.readline(1 << 20)
        if not line:
            raise Closed
        lines.append(line)
        if line in (b"\r\n", b"\n"):
            return b"".join(lines)


def _pairs(head: bytes) -> Iterator[Tuple[str, str]]:
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _body(stream: Any, fields: Dict[str, str]) -> bytes:
    if "chunked" in fields.get("transfer-encoding", "").lower():
        pieces: List[bytes] = []
        while True:
            size = int(stream.readline().split(b";")[0], 16)
            data = stream.read(size + 2)
            if len(data) != size + 2:
                raise Closed
            if size == 0:
                return b"".join(pieces)
            pieces.append(data[:-2])
    length = int(fields.get("content-length", "0"))
    body: bytes = stream.read(length)
    if len(body) != length:
        raise Closed
    return body


def _send(sock: socket.socket, status: int, headers: List[Tuple[str, str]], body: bytes) -> None:
    lines = ["HTTP/1.1 %d Status" % status] + ["%s: %s" % pair for pair in headers]
    sock.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


@contextlib.contextmanager
def refused() -> Iterator[Tuple[str, int]]:
    """An address that nobody listens on and nobody else can take."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


@contextlib.contextmanager
def black_hole() -> Iterator[Tuple[str, int]]:
    """An address that answers no connect: its queue is full, and the kernel drops what comes more."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(listener.getsockname())
        yield listener.getsockname()


def until(condition: Any, seconds: float = 10.0) -> bool:
    """Wait until `condition()` holds; False if it did not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
