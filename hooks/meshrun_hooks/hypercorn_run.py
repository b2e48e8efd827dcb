"""hypercorn's worker on asyncio: it listens and is ready when the application's lifespan and all sockets have started.

One coroutine, `worker_serve`, does all of that and then waits in `raise_shutdown`: the first time that this runs, the
server serves. The sockets are made by its configuration: by the parent of worker processes, by a program without any,
or by `worker_serve` itself.
"""

from __future__ import annotations

import _thread
import socket
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

from meshrun import hook

LIBRARY = "hypercorn"
SUPPORTED = (">=0.14", "<0.19")
VERSION = ("hypercorn", None)
SERVES = True
SEAMS = (
    "hypercorn.asyncio.run:worker_serve module function: one coroutine is the whole server",
    "hypercorn.utils:raise_shutdown as above",
    "hypercorn.asyncio:worker_serve the same functions, as others call them",
    "hypercorn.asyncio.run:raise_shutdown as above",
    "hypercorn.config:Config.create_sockets",
)


class _Server:
    """One call of `worker_serve`."""

    __slots__ = ("config", "sockets", "started", "thread")

    def __init__(self, config: Any, sockets: Any) -> None:
        self.config = config
        self.sockets = sockets
        self.thread = _thread.get_ident()
        self.started = False


_servers: List[_Server] = []
"""Those of this process; a context variable would be seen by an app that lists its context."""


def listening(config: Any, sockets: Any, thread: Optional[int] = None) -> None:
    """The sockets of a server are bound. `thread`: the ident of the one that serves, if it is not this one."""
    keepalive = float(config.keep_alive_timeout)
    hook.bound(sockets.secure_sockets, tls=True, keepalive=keepalive, thread=thread)
    hook.bound(sockets.insecure_sockets, tls=False, keepalive=keepalive, thread=thread)


def _listens(sockets: Any) -> bool:
    bound = (*sockets.secure_sockets, *sockets.insecure_sockets)
    return all(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for sock in bound)


@hook.guarded()
def _look() -> None:
    """A server of this thread is about to wait for its end."""
    for server in _servers:
        mine = server.thread == _thread.get_ident() and not server.started  # it waits for two events
        if mine and server.sockets is not None and _listens(server.sockets):
            server.started = True
            listening(server.config, server.sockets)
            hook.ready()


@contextmanager
def serving(config: Any, sockets: Any) -> Iterator[None]:
    """The whole of one call of `worker_serve`."""
    server = _Server(config, sockets)
    _servers.append(server)
    try:
        yield
    finally:
        _servers.remove(server)


def _make_worker_serve(original: Any) -> Any:
    async def worker_serve(app: Any, config: Any, *, sockets: Any = None, shutdown_trigger: Any = None) -> None:
        with serving(config, sockets):
            await original(app, config, sockets=sockets, shutdown_trigger=shutdown_trigger)

    return worker_serve


@hook.guarded()
def _made(config: Any, sockets: Any) -> None:
    waiting = [server for server in _servers if server.config is config and server.sockets is None]
    for server in waiting:
        server.sockets = sockets
    if not waiting and config.workers:  # the parent of so many
        hook.forks(spawns=True)
        listening(config, sockets)
        hook.keeps(config.workers)


def make_create_sockets(original: Any) -> Any:
    """What makes the sockets, of a parent or of a worker."""

    def create_sockets(self: Any) -> Any:
        made = original(self)
        _made(self, made)
        return made

    return create_sockets


def make_raise_shutdown(original: Any) -> Any:
    """What a server waits in for its end."""

    async def raise_shutdown(shutdown_event: Any) -> None:
        _look()
        await original(shutdown_event)

    return raise_shutdown


def _seams() -> Any:
    from hypercorn import asyncio, utils  # type: ignore[import-not-found, unused-ignore]
    from hypercorn.asyncio import run  # type: ignore[import-not-found, unused-ignore]
    from hypercorn.config import Config  # type: ignore[import-not-found, unused-ignore]

    return (
        (run, "worker_serve", _make_worker_serve),
        (utils, "raise_shutdown", make_raise_shutdown),
        (asyncio, "worker_serve", lambda _: run.worker_serve),
        (run, "raise_shutdown", lambda _: utils.raise_shutdown),
        (Config, "create_sockets", make_create_sockets),
    )


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """A worker of this process that began while the seams were out; a parent has its sockets, but no context."""
    from asyncio import AbstractEventLoop

    from hypercorn.asyncio.worker_context import WorkerContext  # type: ignore[import-not-found, unused-ignore]
    from hypercorn.config import Config, Sockets  # type: ignore[import-not-found, unused-ignore]

    loops = [loop for loop in hook.alive(AbstractEventLoop) if loop.is_running()]
    if loops and any(not context.terminated.is_set() for context in hook.alive(WorkerContext)):
        for config, sockets in zip(hook.alive(Config), hook.alive(Sockets)):
            listening(config, sockets, hook.thread_of(loops[0]))
        hook.ready()
