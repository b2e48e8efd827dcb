"""The folder of admin sockets: paths of any length, and what killed processes left there."""

from __future__ import annotations

import contextlib
import os
import socket
from time import time
from typing import Iterator

SUFFIX = ".sock"
MAX_PATH = 100
"""Longer paths of sockets, in bytes, may not fit the kernel's ``sockaddr_un``: they are reached by their folder."""
STALE_SECONDS = 60.0
MOST = 256
"""Sockets looked at in one sweep."""


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
