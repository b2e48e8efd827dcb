"""What a systemd service needs to run under meshrun: the drop-in, each line with its reason. Pure but for permissions.

The drop-in is named so that it counts last, also after the ``override.conf`` of ``systemctl edit``: what is merged here
is then what holds. A variable that an environment file sets wins over any ``Environment=``, so what has to replace one
of those goes into an environment file of ours, which is read last.
"""

from __future__ import annotations

import math
import os
import re
from typing import Container, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..boot import interpreter, launcher
from . import unit_text
from .errors import Failure
from .unit_files import Unit, Variables

NAME, ENVIRONMENT_NAME = "zz-meshrun.conf", "zz-meshrun.env"
MARK = "# Written by `meshctl vm enable`"
OPTIONS = "# Options: "
GROUP = "meshrun"
SERVER_SECONDS = 30.0
"""What a server takes at most to end what is in flight, unless its command says otherwise: gunicorn's default."""
MARGIN_SECONDS = 5.0
_GRACE = ("--graceful-timeout", "--timeout-graceful-shutdown", "--workers-kill-timeout")
_HELD = ("SIGTERM", "SIGINT", "TERM", "INT", "15", "2")
_HOMES = ("/home/", "/root/", "/run/user/")
_PLACES = (("ProtectHome", _HOMES), ("PrivateTmp", ("/tmp/", "/var/tmp/")))  # noqa: S108 -- what systemd hides


class Setting(NamedTuple):
    """One line of the drop-in, and why it is there."""

    line: str
    why: str


class Note(NamedTuple):
    """Something in the unit that keeps a part of meshrun from working. `bad`: the program would run without it."""

    what: str
    mend: str
    bad: bool = False


class Wish(NamedTuple):
    """What the drop-in shall bring about. `options`: variable -> value; `words`: the same as a command line."""

    options: Mapping[str, str]
    words: str
    boot: str  # the boot folder
    drain: float  # seconds
    store: Optional[str]  # folder of the store, where it is one
    shared: bool  # the store is that of the machine, for all its services


class Plan(NamedTuple):
    """What is to be written. `environment`: variable -> value for the environment file."""

    settings: Sequence[Setting]
    environment: Mapping[str, str]
    notes: Sequence[Note]
    words: str

    def text(self, unit: str, environment_path: str) -> str:
        """The drop-in."""
        found = ["%s; `meshctl vm disable %s` removes it." % (MARK, unit), OPTIONS + self.words, "[Service]"]
        for line, why in self.settings:
            found += ["# " + why, line]
        if self.environment:
            path = unit_text.quoted(unit_text.literal(environment_path))
            found += ["# Wins over the unit's own environment files.", "EnvironmentFile=" + path]
        return "\n".join(found) + "\n"

    @property
    def environment_text(self) -> str:
        """The environment file."""
        lines = [unit_text.environment_line(*item) for item in self.environment.items()]
        return "\n".join([MARK + "; the drop-in beside it reads it.", *lines]) + "\n"


def make(unit: Unit, wish: Wish) -> Plan:
    """The plan for a unit as it is without us. Raises `Failure` with code MR8001 where none can work."""
    variables = unit.variables
    _refuse(unit, variables)
    values = _values(unit, wish, variables)
    settings = [
        Setting("Environment=" + unit_text.quoted("%s=%s" % (name, value)), why)
        for name, value, why in values
        if name not in variables.files
    ]
    settings += [*_folders(unit, wish, variables), *_stop(unit, wish)]
    wanted = {"PYTHONPATH": _merged(wish.boot, variables.files.get("PYTHONPATH", "")), **wish.options}
    replaced = {name: value for name, value in wanted.items() if name in variables.files}
    names = {*variables.given, *variables.files, *(name for name, _, _ in values)}
    return Plan(settings, replaced, [*_notes_environment(variables, names), *_notes_unit(unit, wish)], wish.words)


def _refuse(unit: Unit, variables: Variables) -> None:
    for key in ("RootDirectory", "RootImage"):
        if unit.last(key):
            what = "%s runs in a root of its own (%s=%s)" % (unit.name, key, unit.last(key))
            mend = "Install meshrun in there, and set PYTHONPATH and MESHRUN_ENABLED=1 in the unit."
            raise Failure("MR8001", what, mend=mend)
    taken = [word for word in variables.unset if word in ("PYTHONPATH", "MESHRUN_ENABLED")]
    if taken:
        what = "%s takes %s out of the environment (UnsetEnvironment=)" % (unit.name, " and ".join(taken))
        raise Failure("MR8001", what, mend="Take that line out of the unit.")


def _merged(boot: str, before: str) -> str:
    """The boot folder in front; an empty entry is the working directory, so none may be lost or added."""
    rest = [entry for entry in before.split(":") if entry.rstrip("/") != boot.rstrip("/")] if before else []
    return ":".join([boot, *rest])


def _values(unit: Unit, wish: Wish, variables: Variables) -> List[Tuple[str, str, str]]:
    """Each variable of ours with its value, in which specifiers hold, and the reason."""
    before = variables.given.get("PYTHONPATH", "")
    path = _merged(unit_text.literal(wish.boot), before)
    why = "meshrun's boot folder first" + (", then what the unit had." if before else "; the unit had no PYTHONPATH.")
    found = [
        ("PYTHONPATH", path, why),
        ("MESHRUN_ENABLED", "1", "The switch; without it the boot folder does nothing."),
    ]
    found += [(name, unit_text.literal(value), "As you said.") for name, value in wish.options.items()]
    if _own_state(wish, variables):
        why = "Admin sockets, locks, the kill switch `off`: a folder of this unit's user."
        found.append(("MESHRUN_STATE_DIR", "%t/" + state_name(unit), why))
    return found


def _own_state(wish: Wish, variables: Variables) -> bool:
    """Whether the unit gets a state folder of its own: nobody named one."""
    name = "MESHRUN_STATE_DIR"
    return name not in variables.given and name not in variables.files and name not in wish.options


def state_name(unit: Unit) -> str:
    """The name of the unit's own folder under ``/run``."""
    stem = unit.name.rpartition(".")[0]
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", stem.replace("@", "-"))
    return "meshrun-%s%s" % (safe, "%i" if stem.endswith("@") else "")


def _folders(unit: Unit, wish: Wish, variables: Variables) -> Iterator[Setting]:
    """The state folder, and the way to the store."""
    if _own_state(wish, variables):
        yield Setting("RuntimeDirectory=" + state_name(unit), "systemd makes that folder, for the unit's user.")
        if not unit.all("RuntimeDirectory"):
            yield Setting("RuntimeDirectoryMode=0700", "Nobody else may look into it.")
            if not unit.yes("DynamicUser"):
                yield Setting("RuntimeDirectoryPreserve=yes", "The kill switch outlives a restart.")
    if wish.shared and not is_root(unit):
        why = "Services of several users share the store of this machine."
        yield Setting("SupplementaryGroups=" + GROUP, why)
    if wish.store is not None and _sealed(unit):
        path = unit_text.quoted("-" + unit_text.literal(wish.store))
        yield Setting("ReadWritePaths=" + path, "The store; the unit may write nowhere else.")


def is_root(unit: Unit) -> bool:
    """Whether the service runs as root."""
    return not unit.yes("DynamicUser") and (unit.last("User") or "root") in ("root", "0")


def _sealed(unit: Unit) -> bool:
    """Whether the file system is read-only for the service where nothing says otherwise."""
    keys = ("ReadOnlyPaths", "ReadOnlyDirectories")
    return unit.last("ProtectSystem") == "strict" or unit.yes("DynamicUser") or any(map(unit.all, keys))


def _stop(unit: Unit, wish: Wish) -> Iterator[Setting]:
    """That a stop reaches the main process only, and has the time that it needs."""
    if unit.last("KillMode") is None:
        why = "Only the main process is told to stop: workers end when they have no request left."
        yield Setting("KillMode=mixed", why)
    needed = wish.drain + _server_seconds(unit) + MARGIN_SECONDS
    if unit.stop_seconds < needed:
        why = "Longer than drain (%g s), the server's own end (%g s) and a margin; it was %g s."
        numbers = (wish.drain, _server_seconds(unit), unit.stop_seconds)
        yield Setting("TimeoutStopSec=%d" % math.ceil(needed), why % numbers)


def _server_seconds(unit: Unit) -> float:
    """What the command says of how long its server may take to end."""
    for command in unit.commands:
        for place, word in enumerate(command):
            name, sign, value = word.partition("=")
            value = value if sign else "".join(command[place + 1 : place + 2])
            if name in _GRACE and value.isascii() and value.isdigit():
                return float(value)
    return SERVER_SECONDS


def _notes_environment(variables: Variables, names: Container[str]) -> Iterator[Note]:
    switch = variables.files.get("MESHRUN_ENABLED")
    if switch is not None and switch.strip() not in launcher.ON:
        path = variables.paths["MESHRUN_ENABLED"]
        yield Note("%s sets MESHRUN_ENABLED=%s, which decides" % (path, switch), "Set it to 1 there.", bad=True)
    if "MESHRUN_SERVICE" not in names and "OTEL_SERVICE_NAME" not in names:
        yield Note("no service name: its calls are routed, it is not registered", "Name it with --service NAME.")
    for name in variables.unread:
        yield Note("the environment file %s cannot be read now; what it sets is not merged" % name,
                   "Run this command again when it is there.")  # fmt: skip
    if variables.paths.get("PYTHONPATH") or variables.given.get("PYTHONPATH"):
        yield Note("the unit's own PYTHONPATH is merged as it is now", "When you change it, run this command again.")


def _notes_unit(unit: Unit, wish: Wish) -> Iterator[Note]:
    for command in unit.commands:
        flag = interpreter.hiding_flag(command)
        if flag:
            mend = "Leave %s out, or open the door of its environment: meshctl venv enable PATH." % flag
            yield Note("%s is run with %s, which hides PYTHONPATH" % (command[0], flag), mend, bad=True)
    if unit.last("KillMode") == "control-group":
        yield Note("KillMode=control-group of the unit stays: a stop reaches every worker at once",
                   "Workers hold it while they drain. uWSGI cannot: take the line out there, then run this again."
                   )  # fmt: skip
    sent = unit.last("KillSignal")
    if sent is not None and sent not in _HELD:
        yield Note("KillSignal=%s: a stop by this signal is not drained" % sent, "Use SIGTERM.")
    families = " ".join(unit.all("RestrictAddressFamilies"))
    if families and ("AF_UNIX" in families) == families.startswith("~"):
        yield Note("RestrictAddressFamilies= leaves no AF_UNIX: meshctl cannot look into the process", "Add AF_UNIX.")
    for key, hidden in _PLACES:
        if (unit.yes(key) or unit.last(key) == "tmpfs") and (wish.boot + "/").startswith(hidden):
            mend = "Install meshrun elsewhere, such as /opt/meshrun."
            yield Note("%s hides %s from the service" % (key, wish.boot), mend, bad=True)
    closed = None if is_root(unit) else _closed(wish.boot)
    if closed:
        mend = "Install meshrun where every user may read it, such as /opt/meshrun."
        yield Note("%s may be read by its owner and group only, and %s lies in it" % closed, mend, bad=True)


def _closed(path: str) -> Optional[Tuple[str, str]]:
    """The first folder on the way to `path` that not every user may enter, and the path."""
    here = "/"
    for part in os.path.realpath(path).split("/")[1:]:
        here = os.path.join(here, part)
        try:
            if not os.stat(here).st_mode & 0o001:
                return here, path
        except OSError:
            return None
    return None
