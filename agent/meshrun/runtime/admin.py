"""Where a process answers its operators: HTTP on ``<state>/<pid>.sock`` (mode 0600), and on TCP where settings say so.

The agent thread polls what `wanted` names and calls `step`. On the Unix socket only root and the own user are heard:
the kernel says who asks.
"""

from __future__ import annotations

import _socket
import os
from typing import TYPE_CHECKING, Callable, List, Mapping, Optional

from .. import _guard
from . import sockets
from .answers import Answers
from .descriptor import Descriptor
from .endpoints import Endpoint
from .network import Network

if TYPE_CHECKING:
    from .process import Process

_RATE = 256
"""Connections taken between two ticks."""


class Admin:
    """All sockets of one process on which it answers."""

    def __init__(self, process: Process) -> None:
        self._folder = process.state_dir
        self._path = "%s/%d.sock" % (self._folder, os.getpid())
        self._answers = Answers(process)
        self._unix: Optional[Endpoint] = None
        self._network = Network(process, self._answers)
        self._swept = False
        if self._folder is None:
            return
        try:
            self._unix = Endpoint(self._listener(self._folder), self._answers.all, rate=_RATE, admits=_known)
        except OSError as error:
            _guard.report("admin", "no admin socket at %s: %s" % (self._path, error))

    def _listener(self, folder: str) -> _socket.socket:
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        if os.path.lexists(self._path):
            os.unlink(self._path)
        with sockets.reached(folder, os.path.basename(self._path)) as path:
            listener.bind(path)
        os.chmod(self._path, 0o600)
        listener.listen(16)
        return listener

    @property
    def addresses(self) -> Mapping[str, Optional[str]]:
        """Where this process answers on TCP, by what is answered there."""
        return self._network.addresses

    @property
    def descriptors(self) -> List[Descriptor]:
        """Every descriptor of ours here."""
        found = [one for endpoint in self._endpoints() for one in endpoint.descriptors]
        return found + self._network.siblings.descriptors

    def _endpoints(self) -> List[Endpoint]:
        return ([] if self._unix is None else [self._unix]) + self._network.endpoints

    def wanted(self, events: Callable[[int, int], object]) -> None:
        """Say what to poll: ``events(number, mask)``."""
        for endpoint in self._endpoints():
            endpoint.wanted(events)
        self._network.siblings.wanted(events)

    def due(self, default: float) -> float:
        """When something is to be done at the latest, monotonic."""
        default = self._network.siblings.due(default)
        return min([default, *(endpoint.due(default) for endpoint in self._endpoints())])

    def step(self, ready: Mapping[int, int], now: float) -> bool:
        """Answer whoever can be answered, without waiting. Whether a tick should look at what was asked."""
        self._network.siblings.step(ready, now)
        answered = [endpoint.step(ready, now) for endpoint in self._endpoints()]
        self._network.siblings.forget()
        return True in answered

    def tick(self, now: float) -> None:
        """Open what is to be opened by now; the first time, remove what killed processes left in the folder."""
        for endpoint in self._endpoints():
            endpoint.refill()
        self._network.look(now)
        if not self._swept and self._folder is not None:
            self._swept = True
            sockets.sweep(self._folder)

    def close(self, *, unlink: bool) -> None:
        """Give the sockets back; a forked child leaves the file to its parent."""
        unix, self._unix = self._unix, None
        self._network.close()
        if unix is None:
            return
        unix.close()
        if unlink and os.path.lexists(self._path):
            os.unlink(self._path)


def _known(connection: _socket.socket) -> bool:
    """Whether root or the own user asks."""
    return sockets.peer(connection) >= 0
