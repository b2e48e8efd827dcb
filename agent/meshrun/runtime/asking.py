"""What can be seen of a server from outside: whether it answers, and how many connections it has."""

from __future__ import annotations

import select
from time import monotonic
from typing import Optional

from ..lifecycle.addresses import held, own
from ..lifecycle.starting import Target
from .visits import Visit

_PATIENCE_SECONDS = 60.0
"""How long an answer is waited for: the server's port is open while its application is being loaded."""
_REQUEST = "OPTIONS * HTTP/1.0\r\nHost: %s\r\nX-Meshrun-Probe: 1\r\n\r\n"
_BUSY = ("01", "08")  # tcp_states.h: ESTABLISHED, and CLOSE_WAIT, where the client has said all that it will


class Asking:
    """Asks a server until it answers anything in HTTP: then a worker runs. Never waits."""

    def __init__(self, address: str, port: int, host: str) -> None:
        self._target = Target(own(address), port, False, host)
        self._request = (_REQUEST % host).encode("ascii", "replace")
        self._visit: Optional[Visit] = None

    def answered(self) -> bool:
        """Go on, and say whether there was an answer."""
        now = monotonic()
        try:
            visit = self._visit = self._visit or Visit(self._request, self._target, now + _PATIENCE_SECONDS)
        except OSError:  # nobody listens yet
            return False
        poller = select.poll()
        poller.register(visit.descriptor.number, visit.waits_for)
        if poller.poll(0) or now >= visit.deadline:
            visit.step(now)
        if visit.status is not None:
            visit.close()
        if visit.over:
            self._visit = None
        return visit.status is not None


def established(port: int) -> int:
    """Connections to a port of this machine: those that the server has taken, and those that wait for it."""
    return sum(state in _BUSY for state, _ in held(port))
