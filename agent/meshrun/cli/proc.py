"""What the kernel says of a process, proc(5): words, environment, parent, folder, program, unit, signals, user.

Every function raises `OSError` where the process is gone, is another user's, or is not shown here.
"""

from __future__ import annotations

import errno
import os
import re
from typing import Dict, List, Optional

_SERVICE = re.compile(r"/([^/:]+\.service)(?:/|$)")


def words(pid: int) -> List[str]:
    """Its command line; no words: a zombie, or a thread of the kernel."""
    return _strings(pid, "cmdline")


def environ(pid: int) -> Dict[str, str]:
    """The environment with which it was started. Of a name that stands twice the first counts, as for the process."""
    found: Dict[str, str] = {}
    for item in _strings(pid, "environ"):
        name, sign, value = item.partition("=")
        if sign:
            found.setdefault(name, value)
    return found


def parent(pid: int) -> int:
    """The pid of its parent; 0: it has none, or none that is seen from here."""
    try:
        # The name of the program stands in brackets, and may hold any of them.
        return int(_content(pid, "stat").rpartition(b")")[2].split()[1])
    except (IndexError, ValueError):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), _path(pid, "stat")) from None


def folder(pid: int) -> str:
    """Its working directory."""
    return os.readlink(_path(pid, "cwd"))


def program(pid: int) -> str:
    """The file that it runs; `` (deleted)`` stands behind one that was replaced."""
    return os.readlink(_path(pid, "exe"))


def unit(pid: int) -> Optional[str]:
    """The service of systemd that it belongs to, the innermost one; None: to none."""
    names = _SERVICE.findall(_content(pid, "cgroup").decode("utf-8", "replace"))
    return next((name for name in reversed(names) if not name.startswith("user@")), None)


def by_default(pid: int, signum: int) -> bool:
    """Whether a signal gets what the kernel does by itself: nobody catches, ignores or blocks it."""
    masks = dict(line.split(b":", 1) for line in _content(pid, "status").splitlines() if b":" in line)
    taken = (int(masks.get(name, b"0"), 16) for name in (b"SigCgt", b"SigIgn", b"SigBlk"))
    return not any(mask >> (signum - 1) & 1 for mask in taken)


def owner(pid: int) -> int:
    """The uid of its user."""
    return os.stat("/proc/%d" % pid).st_uid


def _strings(pid: int, name: str) -> List[str]:
    return [os.fsdecode(item) for item in _content(pid, name).split(b"\0") if item]


def _content(pid: int, name: str) -> bytes:
    with open(_path(pid, name), "rb") as stream:
        return stream.read()


def _path(pid: int, name: str) -> str:
    return "/proc/%d/%s" % (pid, name)
