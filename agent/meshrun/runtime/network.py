"""The TCP sockets of an instance: ``MESHRUN_PROBE`` for its platform, ``MESHRUN_ADMIN`` with its token for operators.

An instance has one of each, whatever number of processes it has: the one that registers the instance opens them, and
the next one does when that is gone. A port that is taken is tried again every second, and the app never hears of it.
"""

from __future__ import annotations

import _socket
from errno import EADDRINUSE
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, Optional

from .. import _guard
from ..core.asked import Head
from ..core.settings import endpoint as parted
from . import sockets
from .answers import METRICS, Answer, Answers, Routes, plain
from .endpoints import Endpoint
from .siblings import Siblings

if TYPE_CHECKING:
    from .process import Process

RATE = 8
"""Connections taken on one socket between two ticks, 32 a second: more than platforms ask, and little work for the
app's process when strangers ask without end."""
RETRY_SECONDS = 1.0
PROBE, ADMIN = "PROBE", "ADMIN"


class Network:
    """Opens what the settings name, in the process that speaks for its instance, and closes it with the process."""

    def __init__(self, process: Process, answers: Answers) -> None:
        self._process = process
        self._answers = answers
        self.siblings = Siblings(process)
        self._open: Dict[str, Endpoint] = {}
        self._problems: Dict[str, str] = {}
        self._next = 0.0
        self._wanted = {name: process.settings[name] for name in (PROBE, ADMIN) if process.settings[name]}

    @property
    def endpoints(self) -> List[Endpoint]:
        """What is open."""
        return list(self._open.values())

    @property
    def addresses(self) -> Mapping[str, Optional[str]]:
        """Where: None for what is not open in this process."""
        return {name.lower(): self._wanted[name] if name in self._open else None for name in (PROBE, ADMIN)}

    def look(self, now: float) -> None:
        """Open what should be open by now, monotonic, and is not."""
        if len(self._open) == len(self._wanted) or now < self._next or not self._process.server.speaks():
            return
        self._next = now + RETRY_SECONDS
        for name, address in self._wanted.items():
            if name not in self._open:
                try:
                    self._open[name] = self._opened(name, address)
                except OSError as error:
                    # Workers that have no folder to agree in all try; it is one of them that has the port.
                    if error.errno != EADDRINUSE or self._process.state_dir is not None:
                        self._report(name, "%s is not opened: %s" % (address, error.strerror or error))

    def _opened(self, name: str, address: str) -> Endpoint:
        if name == PROBE:
            return Endpoint(_listener(address), self._whole(self._answers.probed), rate=RATE, tells=False)
        token = self._process.settings["ADMIN_TOKEN"]
        if not token:
            raise PermissionError("MESHRUN_ADMIN_TOKEN is missing")
        return Endpoint(_listener(address), self._whole(self._answers.all), rate=RATE, refuses=stranger(address, token))

    def _whole(self, routes: Routes) -> Routes:
        """The same, with the metrics of all processes."""
        return {**routes, METRICS: self.siblings.answer}

    def _report(self, name: str, problem: str) -> None:
        if self._problems.get(name) != problem:
            self._problems[name] = problem
            _guard.report("MESHRUN_" + name, problem)

    def close(self) -> None:
        """Give everything back."""
        for endpoint in self._open.values():
            endpoint.close()
        self._open = {}
        self.siblings.close()


def _listener(address: str) -> _socket.socket:
    host, port = parted(address)
    listener = _socket.socket(sockets.family(host), _socket.SOCK_STREAM)
    try:
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if host == "::":
            listener.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener


def stranger(address: str, token: str) -> Callable[[Head], Optional[Answer]]:
    """What refuses a request without the token, or one that a page of some other name in a browser sends here."""
    from hmac import compare_digest  # noqa: PLC0415 -- only where a token is set

    known = {"localhost", "127.0.0.1", "[::1]", address.rpartition(":")[0]}
    wanted = token.encode("utf-8")

    def refuses(head: Head) -> Optional[Answer]:
        host = (head.one("host") or "").lower()
        name, colon, port = host.rpartition(":")
        if host not in known and not (colon and name in known and port.isdecimal()):
            return plain(403, "MR5006 the Host is not this machine: ask for localhost")
        scheme, _, given = (head.one("authorization") or "").partition(" ")
        if not compare_digest(given.strip().encode("latin-1"), wanted) or scheme.lower() != "bearer":
            return plain(401, "MR5008 the token is missing or wrong: send Authorization: Bearer TOKEN")
        return None

    return refuses
