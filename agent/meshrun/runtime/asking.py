"""What can be seen of a server from outside: whether it answers, and how many connections it has."""

from __future__ import annotations

import _socket
import select
from time import monotonic
from typing import Optional

from ..lifecycle.addresses import own

_PATIENCE_SECONDS = 60.0
"""How long an answer is waited for: the server's port is open while its application is being loaded."""
_REQUEST = "OPTIONS * HTTP/1.0\r\nHost: %s\r\nX-Meshrun-Probe: 1\r\n\r\n"
_BUSY = ("01", "08")  # tcp_states.h: ESTABLISHED, and CLOSE_WAIT, where the client has said all that it will


class Asking:
    """Asks a server until it answers anything in HTTP: then a worker runs. Never waits."""

    def __init__(self, address: str, port: int, host: str) -> None:
        self._to = (own(address), port)
        self._request = (_REQUEST % host).encode("ascii", "replace")
        self._socket: Optional[_socket.socket] = None
        self._sent = False
        self._until = 0.0

    def answered(self) -> bool:
        """Go on, and say whether there was an answer. Raises OSError."""
        if self._socket is None:
            family = _socket.AF_INET6 if ":" in self._to[0] else _socket.AF_INET
            self._socket = _socket.socket(family, _socket.SOCK_STREAM)
            self._socket.setblocking(False)
            self._socket.connect_ex(self._to)
            self._sent, self._until = False, monotonic() + _PATIENCE_SECONDS
        try:
            yes = self._step(self._socket)
        except OSError:  # nobody listens yet
            yes = None
        if yes is None or yes or monotonic() >= self._until:
            self._socket.close()
            self._socket = None
        return bool(yes)

    def _step(self, sock: _socket.socket) -> Optional[bool]:
        """True: answered; None: not on this connection."""
        wanted = select.POLLIN if self._sent else select.POLLOUT
        poller = select.poll()
        poller.register(sock.fileno(), wanted)
        if not poller.poll(0):
            return False
        if self._sent:
            return True if sock.recv(64).startswith(b"HTTP/") else None
        sock.send(self._request)
        self._sent = True
        return False


def established(port: int) -> int:
    """Connections to a port of this machine: those that the server has taken, and those that wait for it."""
    end, number = ":%04X" % port, 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as rows:
                for row in rows:
                    fields = row.split(None, 4)
                    number += fields[1].endswith(end) and fields[3] in _BUSY
        except OSError:  # a machine without IPv6, or without /proc
            continue
    return number
