"""What is wrong, or only silent, in a mesh: the first ten minutes' failures, said in words with a code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, NamedTuple, Tuple

from . import output
from .errors import CODES, OK
from .invocation import Invocation
from .output import Screen
from .processes import Process

if TYPE_CHECKING:
    from .status import Report

_NO_SERVER = "no hooked server listens"
"""The reason of a process that knows of no server of its own."""
START = "MESHRUN_SERVICE=web meshrun python app.py"


class Finding(NamedTuple):
    """One finding and how to mend it."""

    code: str
    about: str  # what it is about, such as "pid 12", or ""
    what: str
    mend: str = ""

    def __str__(self) -> str:
        return "%s %s%s%s" % (self.code, self.about and self.about + ": ", self.what, self.mend and ". " + self.mend)

    def lines(self, screen: Screen) -> List[str]:
        """The finding for people, wrapped to the screen."""
        sign = "note" if CODES[self.code].status == OK else "!"
        body = "%s%s (%s)" % (self.about and self.about + ": ", self.what, self.code)
        lines = output.paragraph(body, screen, sign.ljust(6))
        return lines + (output.paragraph(self.mend, screen, " " * 6) if self.mend else [])


def of(call: Invocation, report: Report) -> List[Finding]:
    """All findings: first what is wrong, then what is only worth knowing."""
    found = [*_of_settings(call), *_of_store(report), *_of_processes(call, report)]
    return sorted(found, key=lambda finding: CODES[finding.code].status == OK)


def _of_settings(call: Invocation) -> Iterator[Finding]:
    for warning in call.settings.warnings:
        yield Finding("MR2004", "", warning)


def _of_store(report: Report) -> Iterator[Finding]:
    contents = report.contents
    if report.failure is not None:
        failure = report.failure
        yield Finding(failure.code, "", "%s: %s" % (failure.what, failure.why), failure.mend)
    if contents is None:
        return
    if contents.reading.problem:
        what = "rules in the store are not in force: " + contents.reading.problem
        mend = "The last good rules stay in force. `meshctl rules lint` lists every problem."
        yield Finding("MR3004", "", what, mend)
    if not contents.reading.documents and not contents.instances():
        mend = "Start a service: %s" % START
        if any((process.status or {}).get("reason") for process in report.processes):
            mend = "The notes on processes say why they are not registered."
        yield Finding("MR3005", "", "the store is empty: no instance is registered and there are no rules", mend)


def _of_processes(call: Invocation, report: Report) -> Iterator[Finding]:
    if not report.processes:
        what = "no live process in the state folders"
        yield Finding("MR6008", "", what, "Start one: %s" % START)
    same: Dict[Finding, List[int]] = {}
    for process in report.processes:
        for finding in _of_process(call, report, process):
            same.setdefault(finding, []).append(process.pid)
    for finding, pids in same.items():
        yield finding._replace(about=output.pids(pids))


def _of_process(call: Invocation, report: Report, process: Process) -> Iterator[Finding]:
    status = process.status
    if status is None:
        what = "does not answer on %s: %s" % (process.socket, process.problem)
        yield Finding("MR6002", "", what, "Is it stopped or busy?")
        return
    yield from of_registration(status)
    url, origin = call.store
    theirs = status.get("store")
    if isinstance(theirs, str) and theirs and _same(theirs) != _same(url):
        said = "%s (%s)" % (theirs, status.get("store_origin") or "origin not given")
        what = "works on another store: %s; meshctl reads %s (%s)" % (said, url, origin)
        yield Finding("MR6004", "", what, "To see it: meshctl status --store " + theirs)
    elif report.contents is not None and _older(status.get("rules_version"), report.contents.reading.version):
        what = "runs rules version %s, the store holds %d" % (status["rules_version"], report.contents.reading.version)
        yield Finding("MR6007", "", what, "Processes follow within a second; look again.")
    yield from of_hooks_and_errors(status)
    hosts = _hosts(status.get("not_mesh"))
    if hosts:
        said = output.listed(["%s (%s)" % (host, output.count(n, "call")) for host, n in hosts], 6)
        mend = "If one of them is a mesh service, start it under meshrun, or name the host in an Alias."
        yield Finding("MR6005", "", "calls hosts that are not mesh: " + said, mend)


def of_registration(status: Mapping[str, Any]) -> Iterator[Finding]:
    """What a process says of why it is not registered."""
    if status.get("registered") or status.get("draining"):
        return
    why = str(status.get("reason") or "no reason given")
    mend = "A server that runs in a side thread counts where MESHRUN_PORT names its port." if why == _NO_SERVER else ""
    yield Finding("MR6003", "", "not registered: " + why, mend)


def of_hooks_and_errors(status: Mapping[str, Any]) -> Iterator[Finding]:
    """What a process says of hooks that are off and of errors of its own."""
    hooks = status.get("hooks")
    asleep = status.get("mode") in ("off", "dormant")
    if asleep:
        what = "%s, so nothing is patched: %s" % (status["mode"], status.get("mode_reason") or "no reason given")
        yield Finding("MR7012", "", what, "`meshctl mode` says who runs in which mode, and switches it.")
    for name, state in sorted(hooks.items()) if isinstance(hooks, dict) and not asleep else ():
        off, _, why = str(state).partition(":")
        if off == "off" and why != "MESHRUN_HOOKS":  # the setting is a wish, not a failure
            yield Finding("MR6009", "", "the hook for %s is off: %s" % (name, why.strip()))
    errors = status.get("errors")
    if isinstance(errors, dict) and errors:
        said = ", ".join("%s (%s)" % (name, n) for name, n in sorted(errors.items()))
        mend = "The application went on without us there; its stderr says more."
        yield Finding("MR6006", "", "reports errors of its own in " + said, mend)


def _hosts(value: Any) -> List[Tuple[str, int]]:
    """The [host, calls] pairs of a process, most called first."""
    found = [tuple(item) for item in value if isinstance(item, list)] if isinstance(value, list) else []
    known = [(str(item[0]), item[1]) for item in found if len(item) == 2 and isinstance(item[1], int)]
    return sorted(known, key=lambda pair: -pair[1])


def _same(url: str) -> str:
    """A store's URL in the form in which two are compared."""
    scheme, colon, rest = url.partition(":")
    return scheme + colon + os.path.realpath(rest) if scheme == "file" else url.rstrip("/")


def _older(theirs: Any, ours: int) -> bool:
    return isinstance(theirs, int) and theirs < ours
