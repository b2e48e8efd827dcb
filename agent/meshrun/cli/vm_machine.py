"""What ``meshctl vm`` does to a machine: group, store, files, systemd. Each step can be told before it is done."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from typing import Callable, List, Mapping, NamedTuple, Optional, Sequence

from ..engines import files
from ..engines.base import EngineError
from .errors import Failure
from .invocation import reason
from .vm_plan import GROUP, MARK

_BOOTED = "/run/systemd/system"  # sd_booted(3)
_SECONDS = 30.0
_MEND = "Run it as root, for example with sudo."


class Step(NamedTuple):
    """Something that is done, why, and how."""

    what: str
    why: str
    do: Callable[[], None]


def store_steps(folder: str, root: str) -> List[Step]:
    """Let the group use the machine's store: what is missing for that."""
    steps = []
    number = group_id(root)
    if number is None:
        why = "whoever is in it may use the store; services get it by SupplementaryGroups="
        steps.append(Step("make the system group %s" % GROUP, why, lambda: _make_group(root)))
    place = root + folder
    if number is None or not _shared(place, number):
        why = "rules and instances of this machine, for root and the group"
        steps.append(Step("open %s to the group, mode 2775" % place, why, lambda: _share(place, root)))
    return steps


def group_id(root: str) -> Optional[int]:
    """The number of the group; None: there is none."""
    if not root:
        import grp  # noqa: PLC0415 -- also asks LDAP and the like, where the machine does

        try:
            return grp.getgrnam(GROUP).gr_gid
        except KeyError:
            return None
    try:
        with open(root + "/etc/group", encoding="utf-8", errors="replace") as stream:
            rows = [line.split(":") for line in stream]
    except OSError:
        return None
    return next((int(row[2]) for row in rows if row[0] == GROUP and len(row) > 2 and row[2].isdigit()), None)


def _make_group(root: str) -> None:
    _run(["groupadd", "--system", *(["--prefix", root] if root else []), GROUP])


def _shared(place: str, number: int) -> bool:
    try:
        seen = os.stat(place)
    except OSError:
        return False
    return seen.st_gid == number and seen.st_mode & 0o2070 == 0o2070


def _share(place: str, root: str) -> None:
    """Make the folder where it is missing; what it holds already, made by root alone, is opened too."""
    number = group_id(root)
    if number is None:  # the step before made it
        raise Failure("MR8005", "there is no group %s" % GROUP, mend=_MEND)
    try:
        os.makedirs(place, exist_ok=True)
        for folder, _, names in os.walk(place):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                seen = os.lstat(path)
                if stat.S_ISLNK(seen.st_mode):
                    continue
                if seen.st_gid != number:
                    os.chown(path, -1, number)
                wanted = stat.S_IMODE(seen.st_mode) | (0o2070 if stat.S_ISDIR(seen.st_mode) else 0o060)
                if wanted != stat.S_IMODE(seen.st_mode):
                    os.chmod(path, wanted)
        os.chmod(place, 0o2775)  # noqa: S103 -- the group is there to share this folder
    except OSError as error:
        raise _failed("open %s to the group %s" % (place, GROUP), error) from error


def write_step(path: str, text: str, why: str) -> Step:
    """Write a file whole."""
    return Step("write " + path, why, lambda: _write(path, text))


def _write(path: str, text: str) -> None:
    folder = os.path.dirname(path)
    try:
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
            os.chmod(folder, 0o755)  # noqa: S103 -- as all folders of units: everybody may read how a service runs
        files.replace(path, [text.encode("utf-8", "surrogateescape")], durable=True)
        os.chmod(path, 0o644)
    except OSError as error:
        raise _failed("write %s" % path, error) from error
    except EngineError as error:
        raise Failure("MR2007", "%s is not written" % path, str(error), _MEND) from error


def _failed(what: str, error: OSError) -> Failure:
    return Failure("MR2007", "cannot " + what, reason(error), _MEND)


def ours(path: str) -> bool:
    """Whether `meshctl` wrote the file."""
    return text(path).startswith(MARK)


def text(path: str) -> str:
    """The text of a file; empty if there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return ""


def remove(paths: Sequence[str]) -> List[str]:
    """Remove files of ours, and their folder if nothing is left in it; what was removed. Raises `Failure`."""
    removed = []
    try:
        for path in paths:
            if ours(path):
                os.unlink(path)
                removed.append(path)
        folder = os.path.dirname(paths[0])
        if removed and not os.listdir(folder):
            os.rmdir(folder)
            removed.append(folder)
    except OSError as error:
        raise _failed("remove %s" % error.filename, error) from error
    return removed


def remove_step(path: str, why: str) -> Step:
    """Remove a file of ours."""

    def do() -> None:
        remove([path])

    return Step("remove " + path, why, do)


def booted(root: str) -> bool:
    """Whether systemd runs this machine."""
    return not root and os.path.isdir(_BOOTED)


def reload_step() -> Step:
    """Let systemd read its files anew; no service is touched."""
    return Step("systemctl daemon-reload", "systemd reads its files anew; no service is touched", _reload)


def _reload() -> None:
    _run(["systemctl", "daemon-reload"])


def shown(unit: str) -> Mapping[str, str]:
    """What systemd says of a unit; empty if it says nothing."""
    names = "NeedDaemonReload,ActiveState,MainPID,SupplementaryGroups"
    try:
        said = _run(["systemctl", "show", unit, "--property", names])
    except Failure:
        return {}
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _run(command: Sequence[str]) -> str:
    """What a command of the system prints. Raises `Failure` with code MR8005."""
    path = shutil.which(command[0], path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    why = "there is no " + command[0]
    if path is not None:
        try:
            ran = subprocess.run(  # noqa: S603 -- a command of the system, with words of ours
                [path, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            why = reason(error)
        else:
            if ran.returncode == 0:
                return ran.stdout
            why = (ran.stderr or ran.stdout).strip() or "exit status %d" % ran.returncode
    raise Failure("MR8005", "`%s` failed" % " ".join(command), why, "Do it by hand as root, then run this again.")
