"""A lock between processes, on a file, with a bounded wait."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from types import TracebackType
from typing import Optional, Type

from .base import EngineError
from .folders import mode_in
from .trouble import trouble

_PAUSE = 0.01


class Busy(EngineError):
    """Somebody else held the lock for the whole wait."""


class Lock:
    """An exclusive lock, for ``with``: on a file beside what it protects, made where it is missing.

    Raises `Busy` after `wait` seconds, `EngineError` when the lock file cannot be opened. It is given up when the
    process dies, and explicitly at the end, so that a child forked meanwhile by another thread does not keep it.
    """

    def __init__(self, path: str, wait: float) -> None:
        self._path = path
        self._wait = wait
        self._descriptor = -1

    def __enter__(self) -> None:
        deadline = time.monotonic() + self._wait
        while not self._try():
            if time.monotonic() >= deadline:
                raise Busy(
                    "cannot lock %s: another process held it for %g seconds; "
                    "try again, and if that lasts see who has it open (fuser)" % (self._path, self._wait)
                )
            time.sleep(_PAUSE)

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        try:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def _try(self) -> bool:
        try:
            descriptor = self._open()
        except OSError as error:
            raise trouble("lock", self._path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine, there = os.fstat(descriptor), os.stat(self._path)
            if (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino):
                self._descriptor = descriptor
                return True
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.ENOENT):
                os.close(descriptor)
                raise trouble("lock", self._path, error) from error
        os.close(descriptor)  # Held by others, or the file was removed and made anew: another try.
        return False

    def _open(self) -> int:
        """The lock file, only read where it exists: locking needs no more, and it may be somebody else's."""
        flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            return os.open(self._path, os.O_RDONLY | flags)
        except FileNotFoundError:
            pass
        mode = mode_in(os.stat(os.path.dirname(self._path)))
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | flags, mode)
        seen = os.fstat(descriptor)
        if seen.st_uid == os.geteuid() and stat.S_IMODE(seen.st_mode) != mode:
            os.fchmod(descriptor, mode)
        return descriptor
