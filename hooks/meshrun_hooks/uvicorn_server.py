"""uvicorn's server: it listens and is ready when its startup, the application's lifespan included, is complete."""

from __future__ import annotations

import os
import sys
from typing import Any, Optional, Set

from meshrun import hook

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SERVES = True
SEAMS = ("uvicorn.server:Server.startup", "uvicorn.server:Server.shutdown")
_serving: Set[int] = set()
"""Servers of this process, by id, that listen."""


@hook.guarded()
def _started(server: Any, sockets: Any, thread: Optional[int] = None, root: Optional[int] = None) -> None:
    if not server.started:
        return
    config = server.config
    bound = sockets or [sock for each in server.servers for sock in each.sockets]
    hook.bound(bound, tls=bool(config.is_ssl), keepalive=float(config.timeout_keep_alive), thread=thread, root=root)
    _serving.add(id(server))
    hook.ready()


@hook.guarded()
def _ended(server: Any) -> None:
    _serving.discard(id(server))
    if not _serving:
        hook.stopped()


def _make_startup(original: Any) -> Any:
    async def startup(self: Any, sockets: Any = None) -> None:
        await original(self, sockets=sockets)
        _started(self, sockets)

    return startup


def _make_shutdown(original: Any) -> Any:
    async def shutdown(self: Any, sockets: Any = None) -> None:
        await original(self, sockets=sockets)
        _ended(self)

    return shutdown


def _seams() -> Any:
    from uvicorn.server import Server

    return ((Server, "startup", _make_startup), (Server, "shutdown", _make_shutdown))


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Servers that began while the seam was out."""
    from uvicorn.server import Server

    for server in hook.alive(Server):
        if server.started and not server.should_exit and server.servers:
            _started(server, None, hook.thread_of(server.servers[0].get_loop()), _master())


def _master() -> Optional[int]:
    """The pid of gunicorn's master, in one of its workers."""
    gunicorn = sys.modules.get("gunicorn.workers.base")
    workers = [] if gunicorn is None else hook.alive(gunicorn.Worker)
    return next((worker.ppid for worker in workers if worker.pid == os.getpid()), None)
