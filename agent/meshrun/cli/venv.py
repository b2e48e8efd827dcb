"""``meshctl venv``: opens and closes the door of a virtual environment, so that its Pythons meet meshrun."""

from __future__ import annotations

import argparse
import os
from typing import Callable, List, TypeVar

from ..boot import door
from . import arguments as arguments_
from . import output
from .arguments import Subcommand
from .errors import FINDING, OK, Failure
from .invocation import Invocation

_T = TypeVar("_T")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    parser.epilog = "The door of an environment starts meshrun also under -I and -E, where MESHRUN_ENABLED=1 is set."
    arguments_.group(parser, SUBCOMMANDS)


def run(call: Invocation) -> int:
    """Run the chosen command."""
    return int(call.args.subcommand(call))


def _path(parser: argparse.ArgumentParser) -> None:
    what = "folder of the environment (default: the active one, $VIRTUAL_ENV)"
    parser.add_argument("path", nargs="?", metavar="PATH", help=what)


def enable(call: Invocation) -> int:
    """Open the door."""
    prefix = _prefix(call)
    written = _use(prefix, door.enable)
    call.shape({"path": prefix, "enabled": True, "written": written, "removed": []})
    lines = ["%s: the door is open%s" % (prefix, "" if written else " already"), *("  wrote " + one for one in written)]
    hint = "Programs of this environment run under meshrun where MESHRUN_ENABLED=1 is set; others are as before."
    _say(call, [*lines, hint, "Undo: meshctl venv disable " + prefix])
    return OK


def disable(call: Invocation) -> int:
    """Close the door; only files that meshctl wrote are removed."""
    prefix = _prefix(call)
    removed = _use(prefix, door.disable)
    call.shape({"path": prefix, "enabled": False, "written": [], "removed": removed})
    lines = ["%s: the door is closed%s" % (prefix, "" if removed else " already")]
    _say(call, [*lines, *("  removed " + path for path in removed)])
    return OK


def show(call: Invocation) -> int:
    """How the door stands; exit status 1 if something is wrong with it."""
    prefix = _prefix(call)
    found = _use(prefix, door.state)
    call.shape(
        {
            "path": prefix,
            "enabled": found.enabled,
            "files": list(found.files),
            "target": found.target or None,
            "reason": found.reason or None,
        }
    )
    said = "does not work: " + found.reason if found.reason else "closed"
    lines = ["%s: %s" % (prefix, "open, starts %s" % found.target if found.enabled else said)]
    if found.reason:
        mend = "Mend it with `meshctl venv enable %s`, or remove it with `meshctl venv disable %s`."
        lines.append(mend % (prefix, prefix))
    _say(call, lines)
    return FINDING if found.reason else OK


def _prefix(call: Invocation) -> str:
    """The folder that is meant. Never meshctl's own by itself: that may be an environment of many other things."""
    named = call.args.path or call.environ.get("VIRTUAL_ENV", "").strip()
    if not named:
        mend = "Name its folder, such as `meshctl venv %s .venv`, or activate it." % call.args.subcommand_name
        raise Failure("MR2001", "no virtual environment is named and none is active", mend=mend)
    return os.path.abspath(os.path.expanduser(named))


def _use(prefix: str, act: Callable[[str], _T]) -> _T:
    """What `act` does to the door, or says of it. Raises `Failure` with code MR2008."""
    try:
        return act(prefix)
    except door.DoorError as error:
        mend = "Name the folder of a virtual environment, made by `python -m venv` or the like."
        raise Failure("MR2008", "the door of %s cannot be used" % prefix, str(error), mend) from error


def _say(call: Invocation, lines: List[str]) -> None:
    for line in lines:
        call.lines(output.paragraph(line, call.screen, "", "  "))


SUBCOMMANDS = (
    Subcommand("enable", "let the Pythons of an environment meet meshrun", _path, enable),
    Subcommand("disable", "take that back", _path, disable),
    Subcommand("show", "how the door of an environment stands", _path, show),
)
