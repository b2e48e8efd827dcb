"""``meshctl ready``: whether what is served here is ready; a platform's probe reads the exit status, 0 or 1."""

from __future__ import annotations

import argparse
from typing import List, Tuple

from . import chosen, output, processes
from .errors import FINDING, OK
from .invocation import Invocation
from .processes import Process


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which instance; every one of the state folder where nothing is said."""
    parser.add_argument("--service", metavar="SVC", help="only the instances of this service")


def run(call: Invocation) -> int:
    """Ask the processes of the state folder: ready when one serves at least, and each one that serves is ready.

    Processes that only call others are not asked for. One that does not answer serves or not, so nothing is ready.
    """
    found = processes.live(chosen.own_folders(call), call.uid)
    if call.args.service:
        key = call.key(call.args.service)
        found = [process for process in found if process.service in (key, None)]
    said = [(process, *_verdict(process)) for process in found if process.status is None or _serves(process)]
    shown = [
        {"pid": process.pid, "service": chosen.service(call, process), "ready": ready, "why": why}
        for process, ready, why in said
    ]
    ready = bool(said) and all(good for _, good, _ in said)
    call.shape({"ready": ready, "processes": shown})
    lines: List[str] = ["ready" if ready else "not ready" + ("" if said else ": nothing serves here yet")]
    lines += ["pid %d (%s): %s" % (process.pid, chosen.service(call, process) or "no service name", why)
              for process, good, why in said if not good]  # fmt: skip
    call.lines([line for text in lines for line in output.paragraph(text, call.screen, "", "  ")])
    return OK if ready else FINDING


def _serves(process: Process) -> bool:
    return bool((process.status or {}).get("listeners"))


def _verdict(process: Process) -> Tuple[bool, str]:
    """Whether a process is ready, and why or why not."""
    status = process.status
    if status is None:
        return False, "does not answer: %s" % process.problem
    if status.get("draining"):
        return False, "draining"
    return (True, "") if status.get("ready") else (False, str(status.get("reason") or "starting"))
