"""``meshctl doctor``: what of meshrun would load in a program, what not, and why. It changes nothing."""

from __future__ import annotations

import argparse
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence

from .. import __version__
from ..boot import launcher
from . import (
    doctor_libraries,
    doctor_live,
    doctor_platform,
    doctor_start,
    doctor_state,
    output,
    proc,
    target,
    unit_files,
)
from .checks import NOTE, WRONG, Check, wrong
from .doctor_libraries import Library
from .errors import FINDING, OK, UNREACHABLE, Failure
from .invocation import Invocation, reason
from .target import Python, Target
from .unit_files import Unit

_SYSTEMD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # systemd.exec(5)


class Examined(NamedTuple):
    """Everything that the doctor found."""

    pid: Optional[int]
    python: Optional[Python]
    checks: Sequence[Check]
    libraries: Sequence[Library]
    agents: Mapping[str, str]
    live: Optional[doctor_live.Live]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which program."""
    add = parser.add_argument
    add("--pid", type=int, metavar="PID", help="a live process: its environment, and what it says")
    add("--unit", metavar="UNIT", help="a systemd service: its command, environment and user")
    add("--pre", action="store_true", help="before meshrun is switched on: that nothing starts it yet is no problem")
    add(
        "--grace", type=float, metavar="SECONDS", help="what the platform waits between the signal to stop and the kill"
    )
    what = "the command as it is started, `meshrun` before it or not (default: `meshrun python ...` in this shell)"
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND ...", help=what)
    parser.epilog = "Options of this command stand before COMMAND."


def run(call: Invocation) -> int:
    """Examine, and say what was found; exit status 1 if something does not work, 3 if it is the store alone."""
    command = list(call.args.command)
    if command[:1] == ["--"]:
        command.pop(0)
    if sum((call.args.pid is not None, call.args.unit is not None, bool(command))) > 1:
        raise Failure("MR2001", "more than one of --pid, --unit and a command were given", mend="Name one of them.")
    if call.args.pid is not None:
        found = _process(call, call.args.pid)
    else:
        found = _unit(call, call.args.unit) if call.args.unit is not None else _command(call, command)
    call.shape(_shape(found))
    call.lines(_text(call, found))
    bad = wrong(found.checks)
    if [check.code for check in bad] == ["MR3001"]:
        return UNREACHABLE
    return FINDING if bad else OK


def _command(call: Invocation, command: Sequence[str]) -> Examined:
    try:
        aim = target.resolve(command, call.environ)
    except (launcher.Usage, launcher.Answer) as error:
        raise Failure("MR2001", "`meshrun %s` runs nothing" % " ".join(command[1:]), str(error)) from error
    here = Invocation(call.args, aim.environ, call.out, call.err, call.uid)
    try:
        return _examine(here, aim, named=bool(command))
    finally:
        here.close()


def _unit(call: Invocation, name: str) -> Examined:
    unit = unit_files.load(name, unit_files.folders(call.environ, ""), "")
    if not unit.commands:
        raise Failure("MR8001", "%s has no ExecStart" % unit.name, mend="Name a service that starts a program.")
    environ = {"PATH": _SYSTEMD_PATH, **unit.environ}
    aim = target.resolve(unit.commands[0], environ)
    here = Invocation(call.args, aim.environ, call.out, call.err, unit_files.uid(unit))
    try:
        return _examine(here, aim._replace(folder=unit.folder), named=True, unit=unit)
    finally:
        here.close()


def _process(call: Invocation, pid: int) -> Examined:
    try:
        aim = target.of_process(pid)
        uid = proc.owner(pid)
    except OSError as error:
        mend = "See `meshctl status`; the processes of other users are seen by root only."
        raise Failure("MR6001", "the process %d cannot be looked at" % pid, reason(error), mend) from error
    here = Invocation(call.args, aim.environ, call.out, call.err, uid)
    try:
        found = _examine(here, aim, named=True, pid=pid)
        live = doctor_live.look(here, pid)
    finally:
        here.close()
    return found._replace(pid=pid, live=live, checks=[*found.checks, *live.checks])


def _examine(
    here: Invocation, aim: Target, *, named: bool, pid: Optional[int] = None, unit: Optional[Unit] = None
) -> Examined:
    if aim.python is None:
        return Examined(None, None, [Check("python", WRONG, aim.problem, "", "MR7011")], (), {}, None)
    try:
        python = target.ask(aim, here.uid)
    except (OSError, ValueError) as error:
        what = "%s does not run: %s" % (aim.python, reason(error))
        return Examined(None, None, [Check("python", WRONG, what, "", "MR7011")], (), {}, None)
    checks = _starts(here, aim, python, pid, named=named)
    if any(check.code == "MR7001" for check in checks):
        return Examined(None, python, checks[:1], (), {}, None)
    checks += doctor_state.checks(here)
    checks += doctor_platform.checks(here, pid, unit)
    libraries = doctor_libraries.libraries(python, aim.environ)
    agents = doctor_libraries.agents(python)
    return Examined(None, python, [*checks, *doctor_libraries.checks(libraries, agents)], libraries, agents, None)


def _starts(here: Invocation, aim: Target, python: Python, pid: Optional[int], *, named: bool) -> List[Check]:
    """What starts meshrun. Before it is switched on nothing does, and a switch that is off is as it should be."""
    before = bool(here.option("pre"))
    found: List[Check] = list(doctor_start.checks(aim, python, command=named and not before))
    if before:
        found = [check._replace(state=NOTE) if check.code == "MR7002" else check for check in found]
    # Where no program is named, one is meant that `meshrun` starts.
    meant = (named or before) and not doctor_start.doors(aim, python)
    lost = doctor_platform.lost_path(aim.environ, pid) if meant else None
    if lost is not None:
        found = [lost if check.name == "start" else check for check in found]
    other = doctor_platform.version(aim.environ, __version__)
    return found if other is None else [*found, other]


def _shape(found: Examined) -> Mapping[str, Any]:
    python = found.python
    return {
        "pid": found.pid,
        "python": None
        if python is None
        else {
            "executable": python.executable,
            "prefix": python.prefix,
            "version": ".".join(str(part) for part in python.version),
            "implementation": python.implementation,
        },
        "checks": [check.shape() for check in found.checks],
        "libraries": [library.shape() for library in found.libraries],
        "agents": dict(found.agents),
        "hooks": None if found.live is None or found.live.hooks is None else dict(found.live.hooks),
        "early": [] if found.live is None else list(found.live.early),
    }


def _text(call: Invocation, found: Examined) -> List[str]:
    screen = call.screen
    # For a person at a terminal, wrapped; for a log or `grep`, one line each.
    lines = [line for check in found.checks for line in (check.lines(screen) if call.out.isatty() else [check.line()])]
    if found.live is not None and found.live.hooks is not None:
        lines += ["", *doctor_live.table(found.live, screen)]
    elif found.libraries:
        lines += ["", *doctor_libraries.table(found.libraries, screen)]
    bad = len(wrong(found.checks))
    lines += ["", output.count(bad, "problem") if bad else "no problem"]
    return lines
