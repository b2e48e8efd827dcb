"""Ports for servers that are told one and do not say which they got."""

from __future__ import annotations

import os
import socket
import threading
from typing import Set

LOWEST, LIMIT = 12_000, 32_000
"""Below those that the kernel gives to whoever asks for any: until the server listens, no connection takes it."""
_given: Set[int] = set()
_giving = threading.Lock()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, given to nobody else in this process."""
    with _giving:
        while True:
            port = LOWEST + int.from_bytes(os.urandom(4), "big") % (LIMIT - LOWEST)
            with socket.socket() as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    tried.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if port not in _given:
                _given.add(port)
                return port
