"""``meshctl status``: which processes live, which instances are registered, and what is wrong with them."""

from __future__ import annotations

import argparse
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..engines.base import EngineError, Revision
from . import chosen, findings, output, store, timelines
from .errors import CODES, OK, Failure
from .findings import Finding
from .invocation import Invocation
from .processes import Process

COMMAND_WIDTH = 40


class Report(NamedTuple):
    """Everything that ``status`` found."""

    searched: Tuple[str, ...]
    processes: List[Process]
    contents: Optional[store.Contents]
    failure: Optional[Failure]  # why `contents` is None
    last: Optional[Revision]
    lives: Optional[Sequence[timelines.Life]] = None  # None: not asked for


def arguments(parser: argparse.ArgumentParser) -> None:
    """What is to be shown besides."""
    parser.add_argument(
        "--timeline", action="store_true", help="also what happened to each instance when, and what was lost"
    )


def run(call: Invocation) -> int:
    """Print the report; the exit status is 1 when something is wrong, 3 when the store cannot be read."""
    report = gather(call)
    found = findings.of(call, report)
    call.shape(shape(call, report))
    call.lines(text(call, report, found))
    if call.json:
        for finding in found:
            call.note(str(finding))
    if report.failure is not None:
        return report.failure.status
    return max((CODES[finding.code].status for finding in found), default=OK)


def gather(call: Invocation) -> Report:
    """Ask the live processes and read the store; a store that cannot be read does not hide the processes."""
    searched, found = chosen.folders(call), chosen.live(call)
    try:
        contents = store.read(call)
        last = call.engine.history(1)
        lives = timelines.read(call) if call.args.timeline else None
    except Failure as failure:
        return Report(searched, found, None, failure, None)
    except EngineError as error:
        return Report(searched, found, None, call.unreachable(error), None)
    return Report(searched, found, contents, None, last[0] if last else None, lives)


def shape(call: Invocation, report: Report) -> Mapping[str, Any]:
    """The report for machines."""
    contents = report.contents
    listed = [] if contents is None else [store.instance_shape(call, i, contents.rules) for i in contents.instances()]
    aged = None if contents is None else round(max(0.0, time.time() - contents.time), 3)
    shown: Dict[str, Any] = {
        "processes": [_process_shape(call, process) for process in report.processes],
        "instances": listed,
        "store": {"url": call.store[0], "age_seconds": aged},
    }
    if report.lives is not None:
        shown["timelines"] = timelines.shape(call, report.lives)
    return shown


def _process_shape(call: Invocation, process: Process) -> Mapping[str, Any]:
    status = process.status or {}
    return {
        "pid": process.pid,
        "service": chosen.service(call, process),
        "mode": status.get("mode"),
        "rules_version": status.get("rules_version"),
        "inflight": status.get("inflight"),
        "draining": status.get("draining"),
    }


def text(call: Invocation, report: Report, found: Sequence[Finding]) -> List[str]:
    """The report for people."""
    screen = call.screen
    url, origin = call.store
    # The first line is never wrapped: it is what people search for and what scripts read.
    lines = [output.clean("store %s (%s); state folders searched: %s" % (url, origin, ", ".join(report.searched)))]
    if report.contents is not None:
        lines += output.paragraph(rules_line(report.contents, report.last), screen, "", "  ")
    if report.processes:
        lines += ["", *_processes(call, report.processes)]
    if report.contents is not None and report.contents.instances():
        lines += ["", *_instances(call, report.contents)]
    if report.lives is not None:
        lines += ["", *timelines.text(call, report.lives)]
    if found:
        lines.append("")
    for finding in found:
        lines += finding.lines(screen)
    return lines


def rules_line(contents: store.Contents, last: Optional[Revision]) -> str:
    """One line about the rules and their last change."""
    reading = contents.reading
    line = "rules version %d, %s" % (reading.version, output.count(len(reading.documents), "document"))
    if last is None:
        return line
    line += ", last change %s ago by %s" % (output.age(contents.time - last.time), last.author)
    return line + (": " + last.reason if last.reason else "")


def _processes(call: Invocation, found: Sequence[Process]) -> List[str]:
    rows = []
    for process in found:
        status = process.status or {}
        rows.append(
            (
                str(process.pid),
                chosen.service(call, process) or "-",
                _cell(status.get("mode")),
                _cell(status.get("rules_version")),
                _cell(status.get("inflight")),
                state(process),
                ", ".join(listening(status)) or "-",
                _shortened(_cell(status.get("command"))),
            )
        )
    head = ("PROCESS", "SERVICE", "MODE", "RULES", "IN FLIGHT", "STATE", "LISTENS", "COMMAND")
    return output.table(head, rows, call.screen)


def state(process: Process) -> str:
    """One word or two about a process."""
    if process.status is None:
        return "silent"
    if process.status.get("draining"):
        return "draining"
    return "registered" if process.status.get("registered") else "not registered"


def listening(status: Mapping[str, Any]) -> List[str]:
    """The ports that a process said it serves."""
    found = []
    for listener in status.get("listeners") or ():
        if isinstance(listener, dict):
            address = "%s:%s" % (listener.get("address"), listener.get("port"))
            protocol = listener.get("protocol")
            found.append(address if protocol in (None, "http") else "%s %s" % (address, protocol))
    return found


def _instances(call: Invocation, contents: store.Contents) -> List[str]:
    rows = [
        (
            i.endpoint,
            call.name(i.service),
            i.protocol + ("+tls" if i.tls else ""),
            output.pairs(i.tags),
            i.state,
            str(i.weight),
            store.lane_name(store.routing(i, contents.rules), store.namespace(i.service), contents.rules),
        )
        for i in contents.instances()
    ]
    head = ("INSTANCE", "SERVICE", "PROTOCOL", "TAGS", "STATE", "WEIGHT", "LANE")
    return output.table(head, rows, call.screen)


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else str(value)


def _shortened(command: str) -> str:
    return command if len(command) <= COMMAND_WIDTH else command[: COMMAND_WIDTH - 3] + "..."
