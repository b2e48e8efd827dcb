"""The admin socket of a process: HTTP/1.0 on ``<state>/<pid>.sock``, mode 0600, answered by the agent thread."""

from __future__ import annotations

import json
import os
import socket
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple

from .. import _guard
from ..core.settings import MODES
from . import sockets
from .descriptor import Descriptor

if TYPE_CHECKING:
    from .process import Process

MAX_REQUEST = 65536
TIMEOUT_SECONDS = 1.0
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Error", 503: "Unavailable"}

Answer = Tuple[int, str, str]  # status, content type, body


class Admin:
    """Listens and answers one request at a time; each is small and local."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._folder = process.state_dir
        self._path = "%s/%d.sock" % (self._folder, os.getpid())
        self._socket: Optional[socket.socket] = None
        self.descriptor: Optional[Descriptor] = None  # what to poll; None where there is no socket
        self._routes: Dict[Tuple[str, str], Callable[[bytes], Answer]] = {
            ("GET", "/readiness"): self._readiness,
            ("GET", "/health"): lambda _: (200, "text/plain", "ok\n"),
            ("GET", "/status"): lambda _: _json(process.status()),
            ("GET", "/metrics"): lambda _: (200, "text/plain; version=0.0.4", process.exposition()),
            ("POST", "/offline"): self._offline,
            ("POST", "/explain"): self._explain,
            ("POST", "/mode"): self._mode,
        }
        if self._folder is None:
            return
        try:
            self._listen(self._folder)
        except OSError as error:
            _guard.report("admin", "no admin socket at %s: %s" % (self._path, error))

    def _listen(self, folder: str) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if os.path.lexists(self._path):
            os.unlink(self._path)
        with sockets.reached(folder, os.path.basename(self._path)) as path:
            listener.bind(path)
        os.chmod(self._path, 0o600)
        listener.listen(16)
        listener.setblocking(False)
        self._socket = listener
        self.descriptor = Descriptor(listener.fileno())

    def close(self, *, unlink: bool) -> None:
        """Give the socket back; a forked child leaves the file to its parent."""
        listener, self._socket = self._socket, None
        descriptor, self.descriptor = self.descriptor, None
        if listener is None or descriptor is None:
            return
        listener.detach()
        descriptor.close()
        if unlink and os.path.lexists(self._path):
            os.unlink(self._path)

    def sweep(self) -> None:
        """Remove what killed processes left in the folder."""
        if self._folder is not None:
            sockets.sweep(self._folder)

    def answer(self) -> None:
        """Answer whoever waits."""
        if self._socket is None:
            return
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        with connection:
            try:
                status, kind, body = self._handle(_request(connection))
                connection.settimeout(TIMEOUT_SECONDS)
                data = body.encode("utf-8")
                head = "HTTP/1.0 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
                connection.sendall((head % (status, REASONS.get(status, "-"), kind, len(data))).encode() + data)
            except OSError:  # the asker went away
                return

    def _handle(self, request: Tuple[str, str, bytes]) -> Answer:
        method, path, body = request
        route = self._routes.get((method, path))
        if route is None:
            known = any(path == other for _, other in self._routes)
            return (405 if known else 404), "text/plain", "MR5001 no such path: %s %s\n" % (method, path[:80])
        answer = _guard.guarded(default=(500, "text/plain", "MR5002 see the process's stderr\n"), where="admin")(route)
        return answer(body)

    def _readiness(self, _: bytes) -> Answer:
        seen = self._process.server.status()
        ready = bool(seen.get("ready")) and not seen.get("draining")
        return (200 if ready else 503), "text/plain", "ready\n" if ready else "not ready\n"

    def _offline(self, _: bytes) -> Answer:
        self._process.server.offline()
        return _json({"draining": True})

    def _explain(self, body: bytes) -> Answer:
        from ..core import explain  # noqa: PLC0415 -- only when asked

        process = self._process
        live = process.live
        if live is None:
            return 503, "text/plain", "MR5003 no snapshot yet\n"
        namespace = process.settings["NAMESPACE"]
        try:
            question = explain.read(json.loads(body.decode("utf-8")), namespace)
        except ValueError as error:
            return 400, "text/plain", "MR5004 the question cannot be read: %s\n" % error
        return _json(explain.explain(live.index, question, namespace, process.local, time(), process.draw).shape())

    def _mode(self, body: bytes) -> Answer:
        modes = self._process.modes
        try:
            wanted = json.loads(body.decode("utf-8"))["mode"]
            known = wanted is None or wanted in MODES
        except (ValueError, LookupError, TypeError):
            known = False
        if not known:
            expected = '{"mode": M} with M null or one of %s' % ", ".join(MODES)
            return 400, "text/plain", "MR5005 the mode cannot be read: expected %s\n" % expected
        modes.order(wanted, time())
        return _json({"mode": modes.mode, "reason": modes.reason})


def _request(connection: socket.socket) -> Tuple[str, str, bytes]:
    """Method, path and body. Raises OSError when they do not come within the time that there is for all of it."""
    receive = _receiver(connection)
    data = b""
    while b"\r\n\r\n" not in data and len(data) < MAX_REQUEST:
        block = receive()
        if not block:
            break
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-length" and value.strip().isdecimal():
            length = min(int(value.strip()[:9]), MAX_REQUEST)
    while len(body) < length:
        block = receive()
        if not block:
            break
        body += block
    words = lines[0].split(" ")
    return words[0], words[1] if len(words) > 1 else "/", body


def _receiver(connection: socket.socket) -> Callable[[], bytes]:
    deadline = monotonic() + TIMEOUT_SECONDS

    def receive() -> bytes:
        connection.settimeout(max(0.01, deadline - monotonic()))
        return connection.recv(8192)

    return receive


def _json(value: Any) -> Answer:
    return 200, "application/json", json.dumps(value, default=str) + "\n"
