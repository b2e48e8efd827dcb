"""``meshctl mode``: who runs in which mode; switches it live, by a Policy or by the kill switch of this machine."""

from __future__ import annotations

import argparse
import time
from typing import Any, Callable, List, Mapping, Optional, Sequence

from ..core import documents
from ..core.settings import MODES
from ..engines.base import Edit
from . import change, chosen, mode_local, mode_policy, mode_view, processes, store
from .arguments import percent
from .change import Changes
from .errors import OK, Failure
from .invocation import Invocation
from .processes import Process

DEFAULT = "default"
SECONDS = 3.0
"""How long the processes of this machine are watched while they follow; they need two."""
_EPILOG = """`default` deletes the Policy that selects the same processes: their own setting counts again. Without
--service and --tag a Policy is about every process of the namespace; the closest selector decides.

--local needs no store: `mode off --local` (or dormant) puts a file into the state folder of this machine's processes,
and each is dormant until `mode enforce --local` takes it away. It wins over every Policy and setting."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The mode, and which processes."""
    parser.epilog = _EPILOG
    add = parser.add_argument
    words = (*MODES, DEFAULT)
    add("mode", nargs="?", choices=words, metavar="MODE", help=", ".join(words) + "; nothing: who runs in which")
    add("--service", metavar="SVC", help="only processes of this service")
    add("--tag", action="append", metavar="K=V", help="only processes with this tag of their own; may be repeated")
    add("--percent", type=percent, metavar="N", help="share of the instances, 0 to 100; the others carry")
    add("--expires", metavar="T", help="until then: 30m, 2h, 1d, or a time such as 2099-01-01T00:00:00Z")
    add("--local", action="store_true", help="by the kill switch of this machine, without a store")
    add("--reason", metavar="TEXT", help="why, for the history")


def run(call: Invocation) -> int:
    """Switch, or show."""
    args = call.args
    if args.mode is None:
        given = [name for name in ("percent", "expires", "local") if getattr(args, name)]
        if given:
            raise Failure("MR2001", "--%s needs a mode" % given[0], mend="See `meshctl mode --help`.")
        return mode_view.show(call)
    return _local(call) if args.local else _policy(call)


def _local(call: Invocation) -> int:
    """Set or clear the kill switch."""
    args = call.args
    others = [name for name in ("service", "tag", "percent", "expires", "reason") if getattr(args, name) is not None]
    if others:
        raise Failure("MR2001", "--local is about all processes of a state folder: leave out --%s" % others[0])
    if args.mode not in ("off", "dormant", "enforce"):
        mend = "`mode off --local` sets it, `mode enforce --local` takes it away; a Policy gives other modes."
        raise Failure("MR2001", "the kill switch knows no mode %s" % args.mode, mend=mend)
    place = mode_local.folder(call)
    off = args.mode != "enforce"
    changed = mode_local.set_(call, place) if off else mode_local.clear(place)
    words = "set" if off else "taken away"
    line = "kill switch %s/%s %s" % (place, mode_local.NAME, words if changed else "was %s already" % words)

    def followed(process: Process) -> bool:
        return process.folder != place or (_mode_of(process) == "dormant") == off

    found = _watch(call, [place], followed)
    call.shape(mode_view.shape(call, None, found, None))
    call.lines([line])
    call.lines(mode_view.processes_table(call, [process for process in found if process.folder == place]))
    return OK


def _mode_of(process: Process) -> str:
    """The mode of a process; ``off`` that came live is dormant too."""
    mode = str((process.status or {}).get("mode"))
    return "dormant" if mode == "off" else mode


def _policy(call: Invocation) -> int:
    """Write, change or delete the Policy that selects just these processes."""
    args = call.args
    if args.mode == DEFAULT and (args.percent is not None or args.expires):
        raise Failure("MR2001", "`mode default` deletes a Policy: it takes no --percent and no --expires")
    namespace, wanted = mode_policy.selector(call)
    seen = change.reading(call)
    before = mode_policy.existing(seen.documents, namespace, wanted)
    words = "mode " + args.mode + (" --service " + args.service if args.service else "")
    made: Optional[Mapping[str, Any]] = None
    if args.mode == DEFAULT:
        changes = Changes([Edit(before[0], None)], deleted=[before[0]]) if before else Changes([])
    else:
        made = mode_policy.document(call, namespace, wanted, before[1] if before else None)
        changes = _changes(made, before[1] if before else None)
    revision = change.apply(call, changes, seen, words) if changes.edits else None

    def followed(process: Process) -> bool:
        version = (process.status or {}).get("rules_version")
        return revision is None or not isinstance(version, int) or version >= revision.number

    found = _watch(call, chosen.folders(call), followed) if revision else chosen.live(call)
    call.shape(mode_view.shape(call, store.read(call), found, changes.shape(revision)))
    call.lines(mode_view.told(call, changes, made, None if revision is None else revision.number))
    selected = [process for process in found if mode_view.selected(process, namespace, wanted)]
    call.lines(mode_view.processes_table(call, selected))
    return OK


def _changes(made: Mapping[str, Any], before: Optional[Mapping[str, Any]]) -> Changes:
    identity = documents.identity(made)
    if made == before:
        return Changes([], unchanged=[identity])
    edits = [Edit(identity, documents.render(made))]
    return Changes(edits, changed=[identity]) if before else Changes(edits, created=[identity])


def _watch(call: Invocation, folders: Sequence[str], followed: Callable[[Process], bool]) -> List[Process]:
    """The live processes, as soon as all of them followed; at the latest after `SECONDS`."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = processes.live(folders, call.uid)
        if all(followed(process) for process in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
