"""Finds the live processes: the state folders that are searched and the admin sockets in them that may be trusted."""

from __future__ import annotations

import glob
import os
import stat
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..core import places
from ..core.model import service_key
from . import admin


class Process(NamedTuple):
    """A process that listens on its admin socket; `status` is None with the reason in `problem` if it says nothing."""

    pid: int
    folder: str
    status: Optional[Mapping[str, Any]]
    problem: str

    @property
    def service(self) -> Optional[str]:
        """The key of its service; None: it has no name, or says nothing."""
        name = (self.status or {}).get("service")
        if not isinstance(name, str) or not name:
            return None
        namespace = (self.status or {}).get("namespace")
        return name if "/" in name else service_key(name, str(namespace or "default"))

    @property
    def socket(self) -> str:
        """The path of its admin socket."""
        return "%s/%d.sock" % (self.folder, self.pid)


def folders(environ: Mapping[str, str], uid: int, setting: Optional[str], only: Optional[str]) -> Tuple[str, ...]:
    """State folders to search, or patterns. `only` (a flag) is the one place; root looks at those of all users."""
    if only:
        return (os.path.normpath(only),)
    if uid == 0:
        found = [setting] if setting else []
        found += places.SEARCHED_BY_ROOT
    else:
        found = list(places.state_dirs(environ, uid, setting))
    if uid and not setting:
        # A service started without a login has no XDG_RUNTIME_DIR while the caller's shell has one, or the reverse.
        found += ["/run/user/%d/meshrun" % uid, places.OF_UNITS]
    return tuple(dict.fromkeys(os.path.normpath(folder) for folder in found))


def sockets(searched: Sequence[str], uid: int) -> List[Tuple[str, int]]:
    """(folder, pid) of each admin socket; what another user owns is not followed, unless we are root.

    In a shared place such as ``/tmp`` anybody can make a folder of the right name, so a symbolic link is never
    followed and a socket counts only if it belongs to the owner of its folder.
    """
    found: List[Tuple[str, int]] = []
    for folder in _expanded(searched):
        try:
            place = os.lstat(folder)
            names = os.listdir(folder) if stat.S_ISDIR(place.st_mode) and _may_follow(place.st_uid, uid) else []
        except OSError:
            continue
        for name in names:
            pid, dot, ending = name.partition(".")
            if ending == "sock" and dot and pid.isdigit() and _is_socket(folder + "/" + name, place.st_uid):
                found.append((folder, int(pid)))
    return sorted(found, key=lambda item: item[1])


def live(searched: Sequence[str], uid: int) -> List[Process]:
    """The processes that answer, or at least accept, on their sockets; dead sockets are ignored."""
    known = {"%s/%d.sock" % place: place for place in sockets(searched, uid)}
    answers = admin.ask_all(list(known), "GET", "/status")
    return sorted((Process(known[path][1], known[path][0], *answer) for path, answer in answers), key=lambda p: p.pid)


def _expanded(searched: Sequence[str]) -> List[str]:
    """The folders behind the patterns; what a setting names is never taken for a pattern."""
    found: List[str] = []
    for folder in searched:
        found += sorted(glob.glob(folder)) if folder in places.SEARCHED_BY_ROOT else [folder]
    return list(dict.fromkeys(found))


def _may_follow(owner: int, uid: int) -> bool:
    return uid in (0, owner)


def _is_socket(path: str, owner: int) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == owner
