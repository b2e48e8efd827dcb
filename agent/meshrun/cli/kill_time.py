"""How long a stop may take here: the drain of the settings and rules against the time that the platform gives."""

from __future__ import annotations

import configparser
import glob
import os
from typing import Iterator, Mapping, NamedTuple, Optional

from . import proc, store, unit_files
from .checks import FINE, NOTE, WRONG, Check
from .errors import Failure
from .invocation import Invocation
from .unit_files import Unit
from .unit_text import FOREVER

TELL_SECONDS = 1.0
"""What the end of a drain takes at most beyond its seconds: the registry is told."""
KUBERNETES, CONTAINER, SUPERVISOR = 30.0, 10.0, 10.0
"""What they give where nothing else is said: terminationGracePeriodSeconds, ``docker stop``, stopwaitsecs."""
_CONTAINERS = ("/.dockerenv", "/run/.containerenv")
_SUPERVISOR_FILES = (
    "supervisord.conf", "etc/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisor/supervisord.conf",
)  # fmt: skip
_MOST_PARENTS = 16


class Drain(NamedTuple):
    """How long a drain takes at most, and who says so."""

    seconds: float
    origin: str


class Given(NamedTuple):
    """What the platform gives between the signal and the kill. `known`: somebody says so; else it is the usual."""

    seconds: float
    by: str
    known: bool
    all_at_once: bool = False  # the signal reaches every process of the service
    sweeps: bool = False  # what still runs when the main process has ended is ended too


def drain(here: Invocation) -> Drain:
    """The drain of a service with these settings: its Lifecycle rule, where the store can be read and has one."""
    key = here.settings.service
    if key is not None:
        try:
            rule = store.read(here).rules.lifecycles.get(key)
        except Failure:
            rule = None  # another check says that the store cannot be read
        if rule is not None and rule.drain_seconds is not None:
            return Drain(rule.drain_seconds, "Lifecycle rule of %s" % here.name(key))
    return Drain(float(here.settings.values["DRAIN_SECONDS"]), here.origin("DRAIN_SECONDS"))


def check(here: Invocation, pid: Optional[int], unit: Optional[Unit]) -> Check:
    """Whether the platform waits for the drain."""
    found, own = given(here, pid, unit), drain(here)
    said = "%g s at most (%s)" % own
    if found is None:
        return Check("stop", FINE, "drains %s; what this platform waits is not known: name it with --grace" % said)
    seconds = "for ever" if found.seconds == FOREVER else "%g s" % found.seconds
    what = "drains %s; %s waits %s" % (said, found.by, seconds)
    mend = "" if found.known else "Name what yours waits with --grace."
    if found.seconds < own.seconds + TELL_SECONDS:
        mend = "Raise that time above the drain by a second at least, or lower MESHRUN_DRAIN_SECONDS."
        what += ": then the program is killed while it still serves"
        return Check("stop", WRONG if found.known else NOTE, what, mend, "MR7016")
    if found.all_at_once:
        what += " and tells every process at once"
        if _runs_uwsgi(pid, unit):
            mend = "Let it tell the main process only: KillMode=mixed in a unit, stopasgroup=false for supervisord."
            return Check("stop", NOTE, what + ": uWSGI stops without a drain then", mend, "MR7016")
    return Check("stop", FINE, what, mend)


def given(here: Invocation, pid: Optional[int], unit: Optional[Unit]) -> Optional[Given]:
    """What the platform gives; None: not known."""
    said = here.option("grace")
    return Given(said, "--grace", known=True) if said is not None else platform(here.environ, pid, unit)


def platform(environ: Mapping[str, str], pid: Optional[int], unit: Optional[Unit]) -> Optional[Given]:
    """What runs a program with this environment gives; `pid`: the process that it started. None: not known."""
    if unit is not None:
        return _systemd(unit)
    if environ.get("SUPERVISOR_ENABLED"):
        return _supervisor(environ, pid)
    named = _unit_of(pid) if pid is not None else None
    if named is not None:
        try:
            return _systemd(unit_files.load(named, unit_files.folders({}, ""), ""))
        except Failure:
            pass  # the unit of a manager outside of this container
    return _usual(environ, sweeps=pid == 1)


def _usual(environ: Mapping[str, str], *, sweeps: bool) -> Optional[Given]:
    """What containers are given. `sweeps`: the process is PID 1, with which the kernel ends all others."""
    if environ.get("KUBERNETES_SERVICE_HOST"):
        by = "Kubernetes, unless terminationGracePeriodSeconds says otherwise,"
        return Given(KUBERNETES, by, known=False, sweeps=sweeps)
    if any(os.path.exists(path) for path in _CONTAINERS):
        return Given(CONTAINER, "a container, unless it is stopped with another --time,", known=False, sweeps=sweeps)
    return None


def _runs_uwsgi(pid: Optional[int], unit: Optional[Unit]) -> bool:
    """Whether the server is uWSGI, whose processes cannot hold a signal."""
    try:
        words = unit.commands[0] if unit is not None else proc.words(pid) if pid is not None else []
    except OSError:
        return False
    return any(os.path.basename(word) in ("uwsgi", "pyuwsgi") for word in words)


def _systemd(found: Unit) -> Given:
    mode = found.last("KillMode") or "control-group"
    return Given(
        found.stop_seconds, "systemd (%s)" % found.name, known=True,
        all_at_once=mode == "control-group", sweeps=mode in ("control-group", "mixed"),
    )  # fmt: skip


def _unit_of(pid: int) -> Optional[str]:
    """The systemd service that a process belongs to."""
    try:
        return proc.unit(pid)
    except OSError:
        return None


def _supervisor(environ: Mapping[str, str], pid: Optional[int]) -> Given:
    """What the configuration of supervisord says of the program; its usual where that cannot be found."""
    by = "supervisord, unless stopwaitsecs says otherwise,"
    for path in _configurations(pid):
        program = _program(path, environ)
        if program is not None:
            wait = program.get("stopwaitsecs", "").strip()
            seconds = float(wait) if wait.isascii() and wait.isdigit() else SUPERVISOR
            at_once = program.get("stopasgroup", "").strip().lower() in ("true", "1", "yes", "on")
            return Given(seconds, "supervisord (%s)" % path, known=True, all_at_once=at_once, sweeps=at_once)
    return Given(SUPERVISOR, by, known=False)


def _configurations(pid: Optional[int]) -> Iterator[str]:
    """Files that the supervisord above a process may have read."""
    above = _supervisor_above(pid) if pid is not None else None
    if above is not None:
        yield from _named(above)
    else:
        yield from (path for path in _SUPERVISOR_FILES if path.startswith("/") and os.path.isfile(path))


def _supervisor_above(pid: int) -> Optional[int]:
    """The pid of the supervisord that a process runs under; None: there is none that can be seen."""
    for _ in range(_MOST_PARENTS):
        if pid <= 1:
            break
        try:
            if any(os.path.basename(word) == "supervisord" for word in proc.words(pid)[:3]):
                return pid
            pid = proc.parent(pid)
        except OSError:
            break
    return None


def _named(pid: int) -> Iterator[str]:
    """The file that a supervisord was started with, or found by itself."""
    try:
        words, folder = proc.words(pid), proc.folder(pid)
    except OSError:  # another user's: its words are seen, its folder is not
        words, folder = [], "/"
    for place, word in enumerate(words):
        option, sign, value = word.partition("=")
        if option in ("-c", "--configuration") and (sign or words[place + 1 :]):
            yield os.path.join(folder, value or words[place + 1])
            return
    yield from (path for path in (os.path.join(folder, name) for name in _SUPERVISOR_FILES) if os.path.isfile(path))


def _program(path: str, environ: Mapping[str, str]) -> Optional[Mapping[str, str]]:
    """The section of the program in a configuration and what it includes."""
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    try:
        read = parser.read(path, encoding="utf-8")
        if read and parser.has_option("include", "files"):
            for pattern in parser.get("include", "files").split():
                named = pattern.replace("%(here)s", os.path.dirname(path))
                parser.read(sorted(glob.glob(os.path.join(os.path.dirname(path), named))), encoding="utf-8")
    except (OSError, ValueError, configparser.Error):
        return None
    for name in (environ.get("SUPERVISOR_GROUP_NAME"), environ.get("SUPERVISOR_PROCESS_NAME")):
        if name and parser.has_section("program:" + name):
            return dict(parser.items("program:" + name))
    return None
