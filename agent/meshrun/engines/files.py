"""Files that many processes share: read in bounds, replaced whole.

Nothing here keeps a descriptor open between calls: an app may fork or close every descriptor at any time.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Iterable, Iterator, Optional, Tuple

from .base import EngineError
from .folders import mode_in
from .trouble import trouble

Mark = Tuple[int, int, int]
"""What tells one content of a path from the next without reading it: (mtime_ns, inode, size)."""

ABSENT: Mark = (0, 0, 0)
SETTLED = 0.1
"""Seconds after which a change of a path is sure to move its mtime: kernels stamp files by ticks of up to 10 ms."""
_BLOCK = 65536


def mark(path: str) -> Mark:
    """The mark of a path, `ABSENT` when nothing is there. Raises `EngineError`."""
    try:
        seen = os.stat(path)
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        raise trouble("read", path, error) from error
    return (seen.st_mtime_ns, seen.st_ino, seen.st_size)


def settled(seen: Mark, now: float) -> bool:
    """Whether a later change is sure to give another mark; `now` in epoch seconds, taken before the mark was."""
    return abs(now - seen[0] / 1e9) > SETTLED


def read(path: str, limit: int, follow: bool = False) -> Optional[bytes]:
    """The bytes of a regular file, or None when there is none; a symbolic link is none unless `follow`.

    Raises `EngineError`, also above `limit` bytes.
    """
    parts = list(_blocks(path, limit, follow))
    return b"".join(parts) if parts else None


def lines(path: str, limit: int) -> Iterator[bytes]:
    """The lines of a file without their ends, read block by block so that no step is long; none if it is missing.

    A last line that has no end, as in a file that was cut off, is left out. Raises `EngineError` as `read` does.
    """
    rest = b""
    for block in _blocks(path, limit, follow=False):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole


def _blocks(path: str, limit: int, follow: bool) -> Iterator[bytes]:
    """The content of a regular file: at least one block, which may be empty; no block if there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
    except FileNotFoundError:
        return
    except OSError as error:
        raise trouble("read", path, error) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise EngineError("cannot read %s: it is not a regular file; remove it" % path)
        total = 0
        while total <= limit:
            block = os.read(descriptor, _BLOCK)
            yield block
            if not block:
                return
            total += len(block)
    except OSError as error:
        raise trouble("read", path, error) from error
    finally:
        os.close(descriptor)
    raise EngineError("cannot read %s: it has more than %d bytes; split or remove it" % (path, limit))


def replace(path: str, pieces: Iterable[bytes], durable: bool = False, when: Optional[float] = None) -> None:
    """Put a whole new file in the place of `path` in one step; readers see the old one or the new one.

    A file that was there keeps its mode, and its owner where we may give it; a symbolic link is not followed, for
    others may be allowed to plant one. `durable`: the content is on the disk before it takes its place; `sync` its
    folder to have the place there too. `when`: the file's time in epoch seconds, else now. Raises `EngineError`.
    """
    try:
        folder, name = os.path.split(path)
        temporary = "%s/.%s.%d.%s~" % (folder, name[:40], os.getpid(), os.urandom(4).hex())
        in_place = False
        try:
            _write(temporary, path, b"".join(pieces), durable)
            if when is not None:
                os.utime(temporary, (when, when))
            os.replace(temporary, path)
            in_place = True
        finally:
            if not in_place:
                remove(temporary)
    except OSError as error:
        raise trouble("write", path, error) from error


def _write(temporary: str, path: str, data: bytes, durable: bool) -> None:
    """Write the file that is about to take the place of `path`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        _grant(descriptor, path)
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left[: 1 << 20]) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _grant(descriptor: int, path: str) -> None:
    """Give an open file the mode and the owner that belong to `path`."""
    try:
        old = os.lstat(path)
    except FileNotFoundError:
        os.fchmod(descriptor, mode_in(os.stat(os.path.dirname(path))))
        return
    if not stat.S_ISREG(old.st_mode):
        raise OSError(errno.ELOOP if stat.S_ISLNK(old.st_mode) else errno.EEXIST, "it is not a regular file")
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(descriptor, old.st_uid if os.geteuid() == 0 else -1, old.st_gid)
        except PermissionError:
            pass  # Not ours to give; the mode below still lets the same people in through the folder's group.
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)


def sync(folder: str) -> None:
    """Have on the disk which files a folder holds. Raises `EngineError`."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # Some file systems cannot sync a folder; then there is nothing to do.
            raise trouble("write", folder, error) from error


def remove(path: str) -> bool:
    """Remove a file; False when it was not there. Raises `EngineError`."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise trouble("remove", path, error) from error
    return True
