"""What a live process says of its hooks: applied, waiting for an import, off with a reason, imported too early."""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import chosen, doctor_stop, findings, output
from .checks import FINE, NOTE, WRONG, Check
from .errors import CODES, OK
from .invocation import Invocation
from .output import Screen
from .processes import Process

WAITING = "waiting"
"""The state of a hook whose library is not imported yet."""


class Live(NamedTuple):
    """`hooks`: hook -> state, None where the process says nothing; `early`: modules that were there before meshrun."""

    hooks: Optional[Mapping[str, str]]
    early: Tuple[str, ...]
    checks: Tuple[Check, ...]


def look(here: Invocation, pid: int) -> Live:
    """Ask a process; `here` has its environment."""
    living = chosen.live(here)
    process = next((one for one in living if one.pid == pid), None)
    found = _asked(here, pid, living) if process is None else of(process)
    return found._replace(checks=(*found.checks, *doctor_stop.checks(here, pid, living)))


def _asked(here: Invocation, pid: int, living: Sequence[Process]) -> Live:
    """A process that has no admin socket: a root that only waits for its workers, or one without meshrun."""
    workers = doctor_stop.workers(living, pid)
    if workers:
        said = "waits for its workers, which answer: %s" % output.pids([one.pid for one in workers])
        return Live(None, (), (Check("process", FINE, said),))
    what = "process %d has no admin socket in %s: meshrun is not in it, or no hooked library was used yet"
    mend = "A program that only waits for its first request or call is quiet, and so is one whose server runs in a "
    mend += "side thread, unless MESHRUN_PORT names its port; what stands above decides."
    check = Check("process", NOTE, what % (pid, output.listed(chosen.folders(here))), mend, "MR6001")
    return Live(None, (), (check,))


def of(process: Process) -> Live:
    """What an answer of a process says."""
    status = process.status
    if status is None:
        return Live(None, (), (Check("process", WRONG, "does not answer: " + process.problem, "", "MR6002"),))
    said = status.get("hooks")
    hooks = {str(name): str(state) for name, state in said.items()} if isinstance(said, dict) else {}
    early = status.get("early")
    names = tuple(str(name) for name in early) if isinstance(early, list) else ()
    return Live(hooks, names, tuple(_checks(status, names)))


def _checks(status: Mapping[str, Any], early: Sequence[str]) -> Iterator[Check]:
    mode, why = status.get("mode"), status.get("mode_reason")
    said = "answers; it runs in mode %s" % mode + (", by %s" % why if why and why != "default" else "")
    yield Check("process", FINE, said)
    for finding in (*findings.of_registration(status), *findings.of_hooks_and_errors(status)):
        state = NOTE if CODES[finding.code].status == OK else WRONG
        yield Check("process", state, finding.what, finding.mend, finding.code)
    if early:
        what = "imported before meshrun started: " + output.listed(early)
        mend = "What a program took out of them by name may be unpatched. Start meshrun by PYTHONPATH or its launcher."
        yield Check("process", NOTE, what, mend, "MR6010")


def table(live: Live, screen: Screen) -> List[str]:
    """The hooks for people: those that were met, then the names of those whose library is not imported."""
    states = live.hooks or {}
    met = sorted((name, state) for name, state in states.items() if state != WAITING)
    rows = [(name, _words(state)) for name, state in sorted(met, key=lambda one: not one[1].startswith("applied"))]
    lines = output.table(("HOOK", "STATE"), rows, screen) if rows else []
    waiting = sorted(name for name, state in states.items() if state == WAITING)
    if waiting:
        text = "%s, whose libraries are not imported" % ", ".join(waiting)
        lines += output.paragraph(text, screen, "waiting  ")
    return lines


def _words(state: str) -> str:
    """A state of a hook in words."""
    head, colon, why = state.partition(":")
    return "%s: %s" % (head, why.strip()) if colon else state
