"""Sockets of every kind: their families, and the folder of admin sockets with what killed processes left there."""

from __future__ import annotations

import _socket
import contextlib
import os
import socket
import sys
from time import time
from typing import Iterator

SUFFIX = ".sock"
MAX_PATH = 100
"""Longer paths of sockets, in bytes, may not fit the kernel's ``sockaddr_un``: they are reached by their folder."""
STALE_SECONDS = 60.0
MOST = 256
"""Sockets looked at in one sweep."""


def family(address: str) -> int:
    """Of a numeric address, or of the path of a Unix socket."""
    if "/" in address:
        return _socket.AF_UNIX
    return _socket.AF_INET6 if ":" in address else _socket.AF_INET


def peer(connection: _socket.socket) -> int:
    """Who is at the other end of a Unix socket, if that is root or the own user (``SO_PEERCRED``, unix(7)); else -1.

    The pid is 0 for a process that cannot be seen from this one's namespace.
    """
    try:
        credentials = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)  # pid, uid, gid
    except OSError:
        return -1
    pid, user = (int.from_bytes(credentials[at : at + 4], sys.byteorder) for at in (0, 4))
    return pid if user in (0, os.geteuid()) else -1


@contextlib.contextmanager
def reached(folder: str, name: str) -> Iterator[str]:
    """A path that `socket.bind` and `socket.connect` take, as long as the block runs. Raises OSError."""
    path = "%s/%s" % (folder, name)
    if len(os.fsencode(path)) < MAX_PATH:
        yield path
        return
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield "/proc/self/fd/%d/%s" % (here, name)
    finally:
        os.close(here)


def sweep(folder: str) -> None:
    """Remove the sockets of processes that could not do so themselves: nobody listens there. Raises OSError.

    Processes may share the folder from several containers, so pids say nothing.
    """
    for name in os.listdir(folder)[:MOST]:
        path = "%s/%s" % (folder, name)
        with contextlib.suppress(FileNotFoundError):
            if name.endswith(SUFFIX) and time() - os.lstat(path).st_mtime > STALE_SECONDS and _refused(folder, name):
                os.unlink(path)


def _refused(folder: str, name: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking, reached(folder, name) as path:
        asking.setblocking(False)
        try:
            asking.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:  # nobody answers just now
            return False
    return False
