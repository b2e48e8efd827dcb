"""Requests of ours: those that a worker sends to its own server before it registers probe it, and warm it.

Sent by the agent thread between two ticks, on the interpreter's own sockets, so that nothing waits, no hook and no
other agent sees them, and the kernel, not a kept connection, chooses which worker answers.
"""

from __future__ import annotations

import _socket
import select
from errno import EINPROGRESS, EPROTO
from time import monotonic
from typing import Any, Callable, List, Mapping, Optional, Tuple, Union

from .. import __version__, _guard
from ..core.start import Start
from ..lifecycle.starting import Starting, Target
from .descriptor import Descriptor
from .sockets import family, peer

_HEAD = "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: meshrun/%s\r\nAccept: */*\r\nX-Meshrun-Probe: 1\r\n"
_END = "Connection: close\r\n\r\n"
_BLOCK = 65536
_MOST = 1 << 20
"""Bytes of an answer that are read."""
_STEPS = 16
"""Blocks of an answer that are read in one go."""


class Plain:
    """Bytes as they are."""

    def __init__(self, request: bytes) -> None:
        self.to_send = request
        self.ended = False

    def received(self, data: bytes) -> bytes:
        """What the answer says in these bytes."""
        return data


class Tls:
    """The same in TLS. The certificate is not checked: it is the own server's, and the secret is the server's own."""

    def __init__(self, request: bytes, host: str) -> None:
        import ssl  # noqa: PLC0415 -- a server that speaks TLS has loaded it

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._waits: Any = ssl.SSLWantReadError
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._request = request
        self.to_send = b""
        self.ended = False  # the other side has said so, and waits for us to go
        self.received(b"")

    def received(self, data: bytes) -> bytes:
        """What the answer says in these bytes; `to_send` grows by what has to be said to that. Raises OSError."""
        if data:
            self._in.write(data)
        found = b""
        try:
            if self._request:
                self._object.do_handshake()
                self._object.write(self._request)
                self._request = b""
            block = self._object.read(_BLOCK)
            while block:
                found += block
                block = self._object.read(_BLOCK)
            self.ended = True
        except self._waits:
            pass
        finally:
            self.to_send += self._out.read()
        return found


class Visit:
    """One request on a connection of its own. Raises OSError when not even that can be begun."""

    def __init__(self, request: bytes, target: Target, until: float, *, keep: int = 0) -> None:
        """`until`: when to give up, monotonic. `keep`: bytes of the answer for `body`. An address may be a path."""
        self.deadline = until
        self._keep = keep
        self.status: Optional[int] = None
        self.over = False
        self._answer = b""
        self._size = 0
        self._connected = False
        self._stream: Union[Plain, Tls] = Tls(request, target.host) if target.tls else Plain(request)
        self._socket = _socket.socket(family(target.address))
        self.descriptor = Descriptor(self._socket.fileno())
        self._socket.setblocking(False)
        unix = self._socket.family == _socket.AF_UNIX
        error = self._socket.connect_ex(target.address if unix else (target.address, target.port))
        if error not in (0, EINPROGRESS):
            self.close()
            raise OSError(error, "connect")

    @property
    def peer(self) -> int:
        """See `sockets.peer`."""
        return peer(self._socket)

    @property
    def body(self) -> Optional[bytes]:
        """What was answered, where that says how long it is; None: it is not there, or not all of it."""
        head, _, body = self._answer.partition(b"\r\n\r\n")
        return body if b"\r\ncontent-length: %d\r\n" % len(body) in head.lower() + b"\r\n" else None

    @property
    def waits_for(self) -> int:
        """What to poll for."""
        return select.POLLIN if self._connected and not self._stream.to_send else select.POLLOUT

    def step(self, now: float) -> None:
        """Go on, without waiting."""
        try:
            if now < self.deadline:
                self._go_on()
            else:
                self.close()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # refused, reset, no TLS, or no HTTP
            self.close()

    def _go_on(self) -> None:
        if not self._connected:
            error = self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
            if error:
                raise OSError(error, "connect")
            self._connected = True
        for _ in range(_STEPS):
            self._send()
            data = self._socket.recv(_BLOCK)
            if data:
                self._read(self._stream.received(data))
            if not data or self._stream.ended or self._size > max(_MOST, self._keep):
                self.close()
                return

    def _send(self) -> None:
        stream = self._stream
        while stream.to_send:
            stream.to_send = stream.to_send[self._socket.send(stream.to_send, _socket.MSG_NOSIGNAL) :]

    def _read(self, data: bytes) -> None:
        self._size += len(data)
        if self.status is None or self._keep:
            self._answer += data if self._keep else data[:64]
        if self.status is None:
            version, _, rest = self._answer.partition(b" ")
            if not version.startswith(b"HTTP/"[: len(version)]):
                raise OSError(EPROTO, "no HTTP")
            if len(rest) > 3 and rest[:3].isdigit():
                self.status = int(rest[:3])

    def close(self) -> None:
        """Give the connection back, unless the app did."""
        self.over = True
        self._socket.detach()
        self.descriptor.close()


class Visits:
    """The requests that are under way."""

    def __init__(self, starting: Callable[[], Starting]) -> None:
        self._starting = starting
        self._open: List[Tuple[Visit, Start]] = []

    @property
    def descriptors(self) -> List[Descriptor]:
        """Every descriptor of ours here."""
        return [visit.descriptor for visit, _ in self._open]

    def wanted(self, events: Callable[[int, int], object]) -> None:
        """Say what to poll: ``events(number, mask)``."""
        for visit, _ in self._open:
            events(visit.descriptor.number, visit.waits_for)

    def due(self, default: float) -> float:
        """When the next request runs out of time, if that is before `default`; monotonic."""
        return min([default, *(visit.deadline for visit, _ in self._open)])

    def step(self, ready: Mapping[int, int], now: float) -> bool:
        """Go on with what is ready, and send what is to be sent. Whether a tick should look at what came of it."""
        ended = False
        for visit, start in self._open:
            if visit.descriptor.number in ready or now >= visit.deadline:
                visit.step(now)
            if visit.over:
                ended = True
                start.answered(now, visit.status)
        if ended:
            self._open = [pair for pair in self._open if not pair[0].over]
        self._begin(now)
        return ended and not self._open

    def _begin(self, now: float) -> None:
        starting = self._starting()
        start = starting.start
        target = starting.target() if start is not None else None
        asked = starting.ask(now) if target is not None else None
        while start is not None and target is not None and asked is not None:
            try:
                head = (_HEAD % (asked.path, target.host, __version__) + _END).encode("ascii")
                self._open.append((Visit(head, target, asked.until), start))
            except OSError as error:
                start.answered(now, None)
                _guard.report("start", error)
            asked = starting.ask(now)

    def close(self) -> None:
        """Give every connection back."""
        for visit, start in self._open:
            visit.close()
            start.answered(monotonic(), None)
        self._open = []
