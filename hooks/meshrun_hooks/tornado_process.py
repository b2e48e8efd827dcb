"""tornado's workers: a program binds its sockets, forks, and serves in each child; the parent only waits for them.

The parent is made the root of one server before it forks, with what it has bound until then. What that speaks, and how
long it keeps a connection, is known when a worker adds the sockets to its server.
"""

from __future__ import annotations

import socket
from typing import Any, List

from meshrun import hook

LIBRARY = "tornado"
SUPPORTED = (">=6.0", "<7")
VERSION = ("tornado", "version")
SEAMS = ("tornado.process:fork_processes module function: there is no class behind it",)


def _listening() -> List[socket.socket]:
    found = [sock for sock in hook.alive(socket.socket) if sock.fileno() >= 0 and sock.type == socket.SOCK_STREAM]
    return [sock for sock in found if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]


@hook.guarded()
def _forks(wanted: Any) -> None:
    from tornado import process  # type: ignore[import-not-found, unused-ignore]

    sockets = _listening()
    if sockets:  # else each worker will bind its own, and is a server by itself
        hook.forks()
        hook.bound(sockets, tls=False, keepalive=None)
        hook.keeps(wanted if wanted is not None and wanted > 0 else process.cpu_count())


def _make_fork_processes(original: Any) -> Any:
    def fork_processes(num_processes: Any, *args: Any, **kwargs: Any) -> int:
        _forks(num_processes)
        number: int = original(num_processes, *args, **kwargs)
        return number

    return fork_processes


def _seams() -> Any:
    from tornado import process

    return ((process, "fork_processes", _make_fork_processes),)


patch, unpatch = hook.seams(_seams)
