"""What to say when the file system refuses something."""

from __future__ import annotations

import errno
import os
import stat

from .base import EngineError

_MEND = {
    errno.EACCES: "give this user access (a group, chmod g+rwxs) or name another store (MESHRUN_STORE)",
    errno.EROFS: "mount it writable or name another store (MESHRUN_STORE)",
    errno.ENOSPC: "free space on that disk",
    errno.EDQUOT: "free space in that quota",
    errno.ENOTDIR: "something on that path is a file where a folder is needed; remove it",
    errno.EEXIST: "something else stands in its place; remove it",
    errno.ELOOP: "put a real file or folder in the place of the symbolic link",
    errno.ENOENT: "something on that path is missing or a dangling link; make the folder or remove the link",
    errno.EISDIR: "a folder stands where a file is needed; remove it",
    errno.ENAMETOOLONG: "choose a shorter name",
}
_MEND[errno.EPERM] = _MEND[errno.EACCES]


def trouble(what: str, path: str, error: OSError) -> EngineError:
    """An `EngineError` that says what could not be done, why, and how to mend it."""
    why = error.strerror or str(error)
    if error.errno in (errno.EACCES, errno.EPERM):
        why += " for uid %d%s" % (os.geteuid(), _owner(path))
    mend = _MEND.get(error.errno or 0, "see to that file system")
    return EngineError("cannot %s %s: %s; %s" % (what, path, why, mend))


def _owner(path: str) -> str:
    """Whose the nearest existing folder is, for the message."""
    while path not in ("", "/"):
        path = os.path.dirname(path)
        try:
            seen = os.stat(path)
        except OSError:
            continue
        return " (%s belongs to uid %d, gid %d, mode %04o)" % (
            path, seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode),
        )  # fmt: skip
    return ""
