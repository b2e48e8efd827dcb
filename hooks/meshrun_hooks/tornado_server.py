"""tornado's HTTP server: it listens as soon as it has sockets, and is ready when the loop that watches them runs.

A server of any other protocol is a `TCPServer` too; nothing is said of that.
"""

from __future__ import annotations

from typing import Any, Optional, Set

from meshrun import hook

LIBRARY = "tornado"
SUPPORTED = (">=6.0", "<7")
VERSION = ("tornado", "version")
SERVES = True
SEAMS = ("tornado.tcpserver:TCPServer.add_sockets", "tornado.tcpserver:TCPServer.stop")
_serving: Set[int] = set()
"""Servers of this process, by id, that have sockets."""


def _bound(server: Any, sockets: Any, thread: Optional[int] = None, root: Optional[int] = None) -> None:
    limits = server.conn_params
    keepalive = None if limits.no_keep_alive else float(limits.header_timeout)
    hook.bound(sockets, tls=server.ssl_options is not None, keepalive=keepalive, thread=thread, root=root)
    _serving.add(id(server))


def _serves_http(server: Any) -> bool:
    from tornado.httpserver import HTTPServer  # type: ignore[import-not-found, unused-ignore]

    return isinstance(server, HTTPServer)


@hook.guarded()
def _added(server: Any, sockets: Any) -> None:
    if sockets and _serves_http(server):
        from tornado.ioloop import IOLoop  # type: ignore[import-not-found, unused-ignore]

        _bound(server, sockets)
        IOLoop.current().add_callback(hook.ready)


@hook.guarded()
def _stopped(server: Any) -> None:
    if id(server) in _serving:
        _serving.discard(id(server))
        if not _serving:
            hook.stopped()


def _make_add_sockets(original: Any) -> Any:
    def add_sockets(self: Any, sockets: Any) -> None:
        listed = list(sockets)  # an iterable may be read once only
        original(self, listed)
        _added(self, listed)

    return add_sockets


def _make_stop(original: Any) -> Any:
    def stop(self: Any) -> None:
        original(self)
        _stopped(self)

    return stop


def _seams() -> Any:
    from tornado.tcpserver import TCPServer  # type: ignore[import-not-found, unused-ignore]

    return ((TCPServer, "add_sockets", _make_add_sockets), (TCPServer, "stop", _make_stop))


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Servers that began while the seams were out, in a process that runs a loop."""
    import os
    from asyncio import AbstractEventLoop

    from tornado import process  # type: ignore[import-not-found, unused-ignore]
    from tornado.httpserver import HTTPServer

    loops = [loop for loop in hook.alive(AbstractEventLoop) if loop.is_running()]
    root = None if process.task_id() is None else os.getppid()
    for server in hook.alive(HTTPServer) if loops else ():
        sockets = [sock for sock in server._sockets.values() if sock.fileno() >= 0]  # noqa: SLF001 - see `add_sockets`
        if sockets:
            _bound(server, sockets, hook.thread_of(loops[0]), root)
            hook.ready()
