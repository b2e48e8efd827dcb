"""waitress: it listens before its loop runs, and is ready when that begins. It sets no handler for stop signals.

Its threads only fill buffers, which the loop sends; so what its connections still have to do is asked of them while
the instance drains.
"""

from __future__ import annotations

import threading
from typing import Any, List, Optional

from meshrun import hook

LIBRARY = "waitress"
SUPPORTED = (">=1.4", "<4")
VERSION = ("waitress", None)
SERVES = True
SEAMS = ("waitress.server:BaseWSGIServer.run", "waitress.server:MultiSocketServer.run")
_running: List[Any] = []
"""The sockets of the servers whose loop runs, as objects of waitress."""


def _unfinished() -> int:
    """Connections on which a request has begun to arrive, or whose response is not sent yet."""
    channels = [channel for server in _running for channel in list(server.active_channels.values())]
    return sum(bool(c.requests or c.request is not None or c.total_outbufs_len) for c in channels)


def _sockets(server: Any) -> List[Any]:
    """Those of a server: itself, or the several that share its loop."""
    from waitress.server import BaseWSGIServer, MultiSocketServer  # type: ignore[import-not-found, import-untyped, unused-ignore]

    several = isinstance(server, MultiSocketServer)
    return [one for one in server.map.values() if isinstance(one, BaseWSGIServer)] if several else [server]


@hook.guarded()
def _begun(server: Any, thread: Optional[int] = None) -> None:
    sockets = _sockets(server)
    _running.extend(sockets)
    hook.unfinished(_unfinished)
    keepalive = float(server.adj.channel_timeout)
    hook.bound([one.socket for one in sockets if one.accepting], tls=False, keepalive=keepalive, thread=thread)
    hook.ready()


@hook.guarded()
def _ended(server: Any) -> None:
    sockets = _sockets(server)
    _running[:] = [one for one in _running if one not in sockets]
    if threading.current_thread() is threading.main_thread():
        hook.stopped()


def _make_run(original: Any) -> Any:
    def run(self: Any) -> None:
        _begun(self)
        try:
            original(self)
        finally:
            _ended(self)

    return run


def _seams() -> Any:
    from waitress.server import BaseWSGIServer, MultiSocketServer  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return ((BaseWSGIServer, "run", _make_run), (MultiSocketServer, "run", _make_run))


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Servers whose loop began while the seams were out."""
    from waitress.server import BaseWSGIServer, MultiSocketServer  # type: ignore[import-not-found, import-untyped, unused-ignore]

    for thread, server in hook.inside(BaseWSGIServer.run, MultiSocketServer.run):
        _begun(server, thread)
