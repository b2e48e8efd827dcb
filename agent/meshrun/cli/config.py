"""``meshctl config``: what holds and why (``show``), what is wrong (``check``), a file to begin with (``init``)."""

from __future__ import annotations

import argparse
import os
from typing import Any, List, Mapping, NamedTuple, Tuple

from ..boot import switch
from ..core import places, redact
from ..core import settings as settings_
from . import arguments as arguments_
from . import config_keys, output
from .arguments import Subcommand
from .config_keys import KEYS, Key
from .errors import OK, Failure
from .invocation import Invocation, reason


class Row(NamedTuple):
    """One setting as it holds here."""

    name: str
    key: Key
    value: Any
    text: str  # "" where nothing is set and no default has a value
    source: str

    def shape(self, origin: str) -> Mapping[str, Any]:
        """The setting for machines."""
        value = None if self.name in config_keys.SECRET and self.value else _plain(self.value)
        return {
            "variable": settings_.PREFIX + self.name,
            "key": self.name.lower(),
            "value": value,
            "origin": origin,
            "source": self.source,
            "used": self.key.used,
        }


def arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    arguments_.group(parser, SUBCOMMANDS)


def run(call: Invocation) -> int:
    """Run the chosen command."""
    return int(call.args.subcommand(call))


def _none(parser: argparse.ArgumentParser) -> None:
    del parser


def _init_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", metavar="PATH", help="the file to make (default: standard output)")


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    what = "a meshrun.yaml to check by itself (default: environment and the configured file)"
    parser.add_argument("file", nargs="?", metavar="FILE", help=what)


def check(call: Invocation) -> int:
    """Name what is wrong with the settings."""
    from . import config_check  # noqa: PLC0415 -- reads YAML, which the other commands of the group do not need

    return config_check.run(call)


def show(call: Invocation) -> int:
    """Every setting as a program started from here would have it, with its origin."""
    chosen = call.settings
    rows = [_row(call, name, key) for name, key in KEYS.items()]
    shown = [row for row in rows if row.key.used or chosen.origins[row.name] != "default"]
    call.shape(
        {
            "file": call.settings_file,
            "settings": [row.shape(chosen.origins[row.name].partition(" ")[0]) for row in rows],
            "warnings": list(chosen.warnings),
        }
    )
    found = call.settings_file
    line = "file " + (found or "none (%s is not there, MESHRUN_CONFIG and --config name none)" % call.default_file)
    call.lines(output.paragraph(line, call.screen, "", "  "))
    call.lines([""])
    cells = [(settings_.PREFIX + row.name, row.text or "-", _said(row)) for row in shown]
    call.lines(output.table(("SETTING", "VALUE", "FROM"), cells, call.screen))
    for warning in chosen.warnings:
        call.lines(output.paragraph(warning + " (MR2004)", call.screen, "note  "))
    if chosen.warnings:
        call.lines(output.paragraph("`meshctl config check` says more.", call.screen, "      "))
    return OK


def _said(row: Row) -> str:
    return row.source if row.key.used else row.source + ", not used by this version"


def _row(call: Invocation, name: str, key: Key) -> Row:
    chosen = call.settings
    value, source = chosen.values[name], call.origin(name)
    if name == "STORE":
        value, source = call.store
    elif name == "CONFIG":
        value, source = call.settings_file, call.settings_file_origin
    elif chosen.origins[name] == "default":
        value, source = _default(call, name, key, value)
    value = redact.text(value) if isinstance(value, str) else value
    text = _text(value)
    if name in config_keys.SECRET and value:
        text = "(set, not shown)"
    return Row(name, key, value, text, source)


def _default(call: Invocation, name: str, key: Key, value: Any) -> Tuple[Any, str]:
    """The value that an unset setting comes to, and how."""
    if name == "STATE_DIR":
        candidates = places.state_dirs(call.environ, call.uid)
        place = switch.own(candidates, call.uid) or candidates[0]
        return place, "default: the first that can be had of %d" % len(candidates)
    if name == "TRUST":
        return ("none", "default with MESHRUN_ENTRY=1") if call.settings.values["ENTRY"] else ("all", "default")
    if name == "ENABLED":
        return value, "default: " + key.default
    return value, "default" if _text(value) or not key.default else "default: " + key.default


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def _text(value: Any) -> str:
    """A value as the environment would hold it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Mapping):
        sign = ":" if any(isinstance(one, int) for one in value.values()) else "="
        return ",".join("%s%s%s" % (key, sign, one) for key, one in value.items())
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, float):
        return output.number(value)
    return "" if value is None else str(value)


def init(call: Invocation) -> int:
    """Write a commented ``meshrun.yaml``; a file that exists is never touched."""
    text = config_keys.template()
    path = call.args.path
    if path is None:
        call.shape({"path": None, "text": text})
        call.lines(text.splitlines())
        return OK
    try:
        with open(path, "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        mend = "Name another path; nothing was changed."
        raise Failure("MR2006", "%s exists already" % path, mend=mend) from error
    except OSError as error:
        raise Failure(
            "MR2007", "%s cannot be written" % path, reason(error), "Name a path that you may write."
        ) from error
    call.shape({"path": path, "text": text})
    lines: List[str] = ["%s written: every setting in it is switched off" % path]
    if os.path.abspath(path) != call.default_file:
        lines.append("Programs read it where MESHRUN_CONFIG=%s is set, or `meshrun --config`." % os.path.abspath(path))
    for line in lines:
        call.lines(output.paragraph(line, call.screen, "", "  "))
    return OK


SUBCOMMANDS = (
    Subcommand("show", "every setting, its value and where it comes from", _none, show),
    Subcommand("check", "settings that are unknown, unreadable or without effect", _check_arguments, check),
    Subcommand("init", "write a commented meshrun.yaml", _init_arguments, init),
)
