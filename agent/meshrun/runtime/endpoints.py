"""The sockets on which a process answers its operators: who may ask there and what, how often, how many at a time.

Used by the agent thread alone. It never waits for anybody: a slow asker, or one that says nothing, is closed in time.
"""

from __future__ import annotations

import _socket
import select
from typing import Callable, List, Mapping, Optional

from ..core.asked import Head
from .answers import Answer, Routes, find
from .descriptor import Descriptor
from .exchange import Exchange

MOST = 16
"""Connections open at a time on one socket; one more closes the one that has been there for longest."""


def anybody(_: _socket.socket) -> bool:
    """Every connection may ask."""
    return True


def anything(_: Head) -> Optional[Answer]:
    """Every request is answered."""
    return None


class Endpoint:
    """A listening socket and the connections on it.

    `rate`: connections that are taken between two ticks. `admits` looks at a connection, `refuses` at
    the head of a request. `tells`: whether an answer may have changed something that a tick should look at.
    """

    def __init__(
        self, listener: _socket.socket, routes: Routes, *, rate: int, tells: bool = True,
        admits: Callable[[_socket.socket], bool] = anybody, refuses: Callable[[Head], Optional[Answer]] = anything,
    ) -> None:  # fmt: skip
        listener.setblocking(False)
        self._listener = listener
        self.descriptor = Descriptor(listener.fileno())
        self._routes = routes
        self._rate = self._left = rate
        self._tells = tells
        self._admits, self._refuses = admits, refuses
        self._exchanges: List[Exchange] = []

    @property
    def descriptors(self) -> List[Descriptor]:
        """Every descriptor of it."""
        return [self.descriptor, *(exchange.descriptor for exchange in self._exchanges)]

    def wanted(self, events: Callable[[int, int], object]) -> None:
        """Say what to poll: ``events(number, mask)``."""
        if self._left:
            events(self.descriptor.number, select.POLLIN)
        for exchange in self._exchanges:
            if not exchange.asks:
                events(exchange.descriptor.number, exchange.waits_for)

    def due(self, default: float) -> float:
        """When the next connection runs out of time, if that is before `default`; monotonic."""
        return min([default, *(exchange.deadline for exchange in self._exchanges)])

    def refill(self) -> None:
        """A tick has passed: as many connections as before may come."""
        self._left = self._rate

    def step(self, ready: Mapping[int, int], now: float) -> bool:
        """Go on with what is ready or out of time. Whether something was answered that a tick should know of."""
        answered = False
        if self.descriptor.number in ready:
            self._accept(now)
        for exchange in self._exchanges:
            if exchange.asks or exchange.descriptor.number in ready or now >= exchange.deadline:
                answered = exchange.step(now) or answered
        self._exchanges = [exchange for exchange in self._exchanges if not exchange.over]
        return answered and self._tells

    def _accept(self, now: float) -> None:
        listener = self._listener
        self._left -= 1
        try:
            number, _ = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 -- what `accept` is made of
        except OSError:  # gone again, or no descriptor is left
            return
        connection = _socket.socket(listener.family, listener.type, listener.proto, number)
        if not self._admits(connection):
            connection.close()
            return
        while len(self._exchanges) >= MOST:
            self._exchanges.pop(0).close()
        self._exchanges.append(Exchange(connection, now, self._refuses, self._answer))

    def _answer(self, head: Head, body: bytes) -> Optional[Answer]:
        return find(self._routes, head.method, head.path, body)

    def close(self) -> None:
        """Give everything back, unless the app did."""
        for exchange in self._exchanges:
            exchange.close()
        self._exchanges = []
        self._listener.detach()
        self.descriptor.close()
