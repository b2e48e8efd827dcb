"""What the machine or container round a program does to it: its ports, the clocks, a PYTHONPATH lost on the way."""

from __future__ import annotations

import glob
import os
import re
import time
from typing import Iterator, List, Mapping, NamedTuple, Optional

from ..boot import launcher
from ..core import settings
from . import kill_time, output, proc, store
from .checks import FINE, NOTE, WRONG, Check
from .doctor_start import boot_folders, path_entries
from .errors import Failure
from .invocation import Invocation
from .unit_files import Unit

SKEW_SECONDS = 2.0
"""Clocks that differ by more are told apart: ramp-ups and leases read the times of others."""
_RECENT, _MOST = 15.0, 1000
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_UNPRIVILEGED = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
_VERSION = re.compile(r"^__version__ = ['\"]([^'\"]+)", re.MULTILINE)


class Stamp(NamedTuple):
    """The last renewal of a lease: by the clock of the process, and by that of the store's file system."""

    id: str
    theirs: float
    files: float


def checks(here: Invocation, pid: Optional[int], unit: Optional[Unit]) -> List[Check]:
    """All of them; where the settings cannot be read another check says so."""
    try:
        stop = kill_time.check(here, pid, unit)
    except Failure:
        return []
    return [*_ports(here, pid), _clock(here), stop]


def _ports(here: Invocation, pid: Optional[int]) -> Iterator[Check]:
    """The ports that the settings name."""
    values = here.settings.values
    numbers = [values["PORT"], *values["PORTS"].values()]
    if pid is None:
        numbers += [settings.endpoint(values[name])[1] for name in ("PROBE", "ADMIN") if values[name]]
    named = sorted({number for number in numbers if number})
    if not named:
        yield Check("ports", FINE, "the first that a server of the program binds is registered")
        return
    for port in named:
        yield _port(port, here.uid, pid)


def _port(port: int, uid: int, pid: Optional[int]) -> Check:
    taken = launcher.taken(port)
    if pid is not None:
        if taken:
            return Check("ports", FINE, "%d is listened on" % port)
        return Check("ports", NOTE, "nobody listens on %d" % port, "It is registered when the program does.", "MR7014")
    if taken:
        mend = "That is as it should be if it is the program itself, else stop the other: see `ss -ltnp`."
        return Check("ports", NOTE, "%d is listened on already" % port, mend, "MR7014")
    if uid and port < _first_free():
        mend = "Choose a higher one, or give the program CAP_NET_BIND_SERVICE."
        return Check("ports", NOTE, "%d is for root only, the program runs as uid %d" % (port, uid), mend, "MR7014")
    return Check("ports", FINE, "%d is free" % port)


def _first_free() -> int:
    try:
        with open(_UNPRIVILEGED, encoding="ascii") as stream:
            return int(stream.read())
    except (OSError, ValueError):
        return 1024


def _clock(here: Invocation) -> Check:
    """Whether the clocks of those who share the store agree."""
    now = time.time()
    try:
        scheme, _, folder = here.store[0].partition(":")
        ahead = {one.id: one.started - now for one in store.read(here).instances() if one.started - now > SKEW_SECONDS}
    except Failure:
        return Check("clock", NOTE, "not compared: the store cannot be read", code="MR7015")
    stamps = list(_stamps(folder, now)) if scheme == "file" else []
    here_off = [stamp.files - now for stamp in stamps if stamp.files - now > SKEW_SECONDS]
    off = {one.id: one.theirs - one.files for one in stamps if abs(one.theirs - one.files) > SKEW_SECONDS}
    off = {**ahead, **off}
    mend = "Let all machines keep their time by NTP."
    if here_off:
        what = "the store is %.0f s ahead of this machine" % max(here_off)
        return Check("clock", WRONG, what, mend, "MR7015")
    if off:
        who = output.listed(["%s by %+.0f s" % item for item in sorted(off.items())], 4)
        return Check("clock", WRONG, "clocks of instances are off: %s" % who, mend, "MR7015")
    if _unsynchronised():
        return Check("clock", NOTE, "the kernel says that this clock is not synchronised", mend, "MR7015")
    said = output.count(len(stamps), "live lease") if stamps else "no live lease to compare with"
    return Check("clock", FINE, said + ("" if not stamps else " agree" + ("s" if len(stamps) == 1 else "")))


def _stamps(folder: str, now: float) -> Iterator[Stamp]:
    """The leases renewed just now: whoever renews writes its own time, and the file system adds that of its clock."""
    for path in glob.glob(glob.escape(folder) + "/instances/*/*/*.json")[:_MOST]:
        try:
            seen = os.stat(path)
        except OSError:
            continue
        if now - seen.st_ctime < _RECENT:
            yield Stamp(os.path.basename(path)[: -len(".json")], seen.st_mtime, seen.st_ctime)


def _unsynchronised() -> bool:
    try:
        import ctypes  # noqa: PLC0415 -- some Pythons are built without it

        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(1024))
    except (ImportError, OSError, AttributeError):
        return False
    return bool(answer == _TIME_ERROR)


def lost_path(environ: Mapping[str, str], pid: Optional[int]) -> Optional[Check]:
    """A ``PYTHONPATH`` that was meant to hold the boot folder, and does not where the program runs."""
    if environ.get("MESHRUN_ENABLED", "").strip() not in launcher.ON or any(boot_folders(environ)):
        return None
    mend = "Whatever sets PYTHONPATH last must keep meshrun's folder first in it: a start script, an environment file, "
    mend += "the environment of a pod, which replaces that of its image."
    entries = path_entries(environ)
    gone = [entry for entry in entries if not os.path.exists(entry)]
    parent = _parent_had(pid) if pid is not None else None
    if parent:
        what = "the parent of the process has %s on PYTHONPATH, the process has not" % parent
    elif gone:
        what = "%s on PYTHONPATH %s not there" % (output.listed(gone), "is" if len(gone) == 1 else "are")
    else:
        what = "MESHRUN_ENABLED is set, and PYTHONPATH has no boot folder: %s" % (":".join(entries) or "it is empty")
    return Check("PYTHONPATH", WRONG, what, mend, "MR7013")


def _parent_had(pid: int) -> Optional[str]:
    """The boot folder on the PYTHONPATH of the process's parent; None: it has none, or cannot be looked at."""
    try:
        return next(boot_folders(proc.environ(proc.parent(pid))), None)
    except OSError:
        return None


def version(environ: Mapping[str, str], own: str) -> Optional[Check]:
    """Another release of meshrun on ``PYTHONPATH`` than that of this meshctl."""
    entry = next(boot_folders(environ), None)
    if entry is None:
        return None
    above = os.path.dirname(os.path.realpath(entry))
    for place in (above, above + "/agent/meshrun", above + "/lib/meshrun"):
        try:
            with open(place + "/__init__.py", encoding="utf-8", errors="replace") as stream:
                found = _VERSION.search(stream.read())
        except OSError:
            continue
        if found is not None and found.group(1) != own:
            what = "%s is meshrun %s, this meshctl is %s" % (entry, found.group(1), own)
            return Check("meshrun", NOTE, what, "Use the meshctl of that installation.", "MR7017")
    return None
