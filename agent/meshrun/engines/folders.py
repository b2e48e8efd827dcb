"""Folders that many processes share: who may use them, how they are made, listed and swept."""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import Iterator

from .trouble import trouble

SYSTEM_STORE = "/var/lib/meshrun/store"
"""The store of a whole machine."""
_STALE = 60.0


def mode_in(folder: os.stat_result) -> int:
    """The mode of a new file: who may use the folder may read it; the group writes where the folder is setgid."""
    mode = folder.st_mode & 0o664 | 0o600
    return mode if folder.st_mode & stat.S_ISGID else mode & ~0o020


def make_folder(path: str, root: str) -> None:
    """Make `path` and what it lacks above; below `root` each folder has the mode of the one above it.

    Raises `EngineError`, also when a folder is a symbolic link that is neither ours nor root's: whoever made it would
    decide where we write.
    """
    try:
        if os.path.isdir(path):
            _check_link(path, root)
            return
        if path == root or not path.startswith(root + "/"):
            os.makedirs(path, exist_ok=True)
            if path == SYSTEM_STORE:
                _share(path)
            return
        above = os.path.dirname(path)
        make_folder(above, root)
        wanted = stat.S_IMODE(os.stat(above).st_mode) & 0o2775
        try:
            os.mkdir(path)
        except FileExistsError:
            if os.path.isdir(path):
                return
            raise
        if stat.S_IMODE(os.stat(path).st_mode) != wanted:
            os.chmod(path, wanted)
    except OSError as error:
        raise trouble("make the folder", path, error) from error


def _check_link(path: str, root: str) -> None:
    """Raise when `path` or a folder between it and `root` is a link that we must not trust."""
    while path != root and path.startswith(root + "/"):
        seen = os.lstat(path)
        if stat.S_ISLNK(seen.st_mode) and seen.st_uid not in (0, os.geteuid()):
            raise OSError(errno.ELOOP, "%s is a symbolic link of uid %d" % (path, seen.st_uid))
        path = os.path.dirname(path)


def _share(path: str) -> None:
    """Open the machine's own store to the group ``meshrun``, if the machine has one."""
    import grp  # noqa: PLC0415 -- needed once in the life of a machine

    try:
        os.chown(path, -1, grp.getgrnam("meshrun").gr_gid)
        os.chmod(path, 0o2775)  # noqa: S103 -- the group is there to share this folder
    except (KeyError, PermissionError):
        pass  # No such group, or not ours to share: the store is its maker's alone, which is safe.


def entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """What a folder holds, without hidden names; nothing when it is missing. Raises `EngineError`."""
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if not entry.name.startswith("."):
                    yield entry
    except FileNotFoundError:
        return
    except OSError as error:
        raise trouble("read", folder, error) from error


def sweep(folder: str) -> None:
    """Remove what crashed writers left half-written in a folder; best effort."""
    try:
        with os.scandir(folder) as found:
            for entry in found:
                half = entry.name.startswith(".") and entry.name.endswith("~")
                if half and time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE:
                    os.unlink(entry.path)
    except OSError:
        pass  # Somebody else swept, or may.
