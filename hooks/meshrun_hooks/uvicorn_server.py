"""uvicorn's server: it listens and is ready when its startup, the application's lifespan included, is complete."""

from __future__ import annotations

from typing import Any

from meshrun import hook

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
SEAMS = ("uvicorn.server:Server.startup",)


@hook.guarded()
def _started(server: Any, sockets: Any) -> None:
    if not server.started:
        return
    config = server.config
    bound = sockets or [sock for each in server.servers for sock in each.sockets]
    for sock in bound:
        name = sock.getsockname()
        if isinstance(name, tuple):  # else a Unix socket
            keepalive = float(config.timeout_keep_alive)
            hook.listening(name[0], name[1], "http", tls=bool(config.is_ssl), keepalive=keepalive)
    hook.ready()


def _make_startup(original: Any) -> Any:
    async def startup(self: Any, sockets: Any = None) -> None:
        await original(self, sockets=sockets)
        _started(self, sockets)

    return startup


def _seams() -> Any:
    from uvicorn.server import Server

    return ((Server, "startup", _make_startup),)


patch, unpatch = hook.seams(_seams)
