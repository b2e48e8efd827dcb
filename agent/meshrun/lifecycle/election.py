"""Which of an instance's workers registers it: the one that holds a lock in the state directory.

The kernel gives the lock back when its holder dies, so another worker takes over. The file holds the instance's id, so
that workers without a common ancestor in memory (spawned ones) register under one id too.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import Optional

SUFFIX, COUNTS = ".lock", ".counts"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_STALE = 86400.0
_LONGEST = 200  # bytes of an instance id


class Election:
    """A candidate for the lock at `folder`/`name`.lock."""

    def __init__(self, folder: str, name: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, name + SUFFIX)
        self._descriptor: Optional[int] = None
        self.counts = os.path.join(folder, name + COUNTS)  # of all workers, kept by the one that answers for them
        self.holder: Optional[str] = None  # the id under which another worker registers

    def won(self, instance_id: str) -> Optional[str]:
        """Try once, without waiting: the id under which to register, or None while another worker holds the lock.

        `instance_id` is the id that counts if no worker had the lock before. Raises OSError when the state directory
        cannot be used.
        """
        descriptor = os.open(self._path, _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.holder = os.read(descriptor, _LONGEST).decode("ascii", "replace") or None
            os.close(descriptor)
            return None
        self._descriptor = descriptor
        known = os.read(descriptor, _LONGEST).decode("ascii", "replace")
        if not known:
            os.write(descriptor, instance_id.encode("ascii"))
            self._sweep()
        return known or instance_id

    def resign(self) -> None:
        """Give the lock back. In a forked child this only forgets it: the parent's hold stays."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def remove(self) -> None:
        """Remove the files: the instance is gone. Only its root may, so that no two workers hold different files."""
        self.resign()
        for path in (self.counts, self._path):
            try:
                os.unlink(path)
            except OSError:
                pass  # a leftover that nobody holds does no harm: the next sweep removes it

    def _sweep(self) -> None:
        """Remove files that killed instances left a day ago and nobody holds."""
        for name in os.listdir(self._folder):
            path = os.path.join(self._folder, name)
            if not name.endswith(SUFFIX) or path == self._path or time.time() - _touched(path) < _STALE:
                continue
            other = Election(self._folder, name[: -len(SUFFIX)])
            try:
                if other.won(name) is not None:
                    other.remove()
            except OSError:
                continue  # somebody else's, or just removed


def _touched(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return time.time()
