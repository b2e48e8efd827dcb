"""``meshctl hooks``: what each hook teaches, and what became of it in the live processes."""

from __future__ import annotations

import argparse
from typing import Any, Dict, List, Mapping, Tuple

from . import chosen, doctor_live, output, taught
from .doctor_live import Live
from .errors import CODES, OK, Failure
from .invocation import Invocation, reason
from .processes import Process


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which processes."""
    chosen.arguments(parser, "only this process")


def run(call: Invocation) -> int:
    """List the hooks; with live processes, their states. Exit status 1 if one is off for want of a seam or version."""
    try:
        known = taught.hooks()
    except OSError as error:
        mend = "Install meshrun again."
        raise Failure("MR2003", "the hooks of this installation cannot be read", reason(error), mend) from error
    lives = [(process, doctor_live.of(process)) for process in _meant(call)]
    call.shape(
        {
            "hooks": [_hook_shape(hook) for hook in known],
            "processes": [_process_shape(call, process, live) for process, live in lives],
        }
    )
    call.lines(_text(call, known, lives))
    return max((CODES[check.code].status for _, live in lives for check in live.checks if check.code), default=OK)


def _meant(call: Invocation) -> List[Process]:
    """The live processes that are meant. Raises `Failure` with code MR6001 when some were named and there is none."""
    found = chosen.live(call)
    mend = "See `meshctl status`; `meshctl doctor --pid PID` looks at a process without a socket."
    named = chosen.named(call, found, mend)
    return found if named is None else named


def _hook_shape(hook: taught.Hook) -> Mapping[str, Any]:
    return {
        "name": hook.name,
        "library": hook.library,
        "supported": list(hook.supported),
        "triggers": list(hook.triggers),
        "about": hook.about,
    }


def _process_shape(call: Invocation, process: Process, live: Live) -> Mapping[str, Any]:
    return {
        "pid": process.pid,
        "service": chosen.service(call, process),
        "hooks": None if live.hooks is None else dict(live.hooks),
        "early": list(live.early),
    }


def _text(call: Invocation, known: List[taught.Hook], lives: List[Tuple[Process, Live]]) -> List[str]:
    """The hooks, then each group of processes in which they stand alike."""
    screen = call.screen
    if not lives:
        rows = [(h.name, h.library, ",".join(h.supported), ", ".join(h.triggers)) for h in known]
        lines = output.table(("HOOK", "LIBRARY", "VERSIONS", "APPLIED AFTER THE IMPORT OF"), rows, screen)
        hint = "No live process; `meshctl doctor` says which of these libraries are installed here."
        return [*lines, "", *output.paragraph(hint, screen)]
    groups: Dict[Tuple[Any, ...], List[Process]] = {}
    states: Dict[Tuple[Any, ...], Live] = {}
    for process, live in lives:
        alike = (process.service, live.hooks is None, tuple(sorted((live.hooks or {}).items())), live.early)
        groups.setdefault(alike, []).append(process)
        states[alike] = live
    lines = []
    for alike, members in groups.items():
        live = states[alike]
        name = chosen.service(call, members[0]) or "no service name"
        title = "%s (%s)" % (output.pids([one.pid for one in members]), name)
        lines += ([""] if lines else []) + [screen.style(line, "bold") for line in output.paragraph(title, screen)]
        lines += _group(live, call)
    return lines


def _group(live: Live, call: Invocation) -> List[str]:
    screen = call.screen
    if live.hooks is None:
        return [line for check in live.checks for line in check.lines(screen)]
    lines = doctor_live.table(live, screen)
    for check in live.checks:
        if check.code == "MR6010":
            lines += check.lines(screen)
    return lines
