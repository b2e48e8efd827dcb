"""Modes as people and machines see them: what the live processes say, the Policies, the kill switches."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence

from ..core.rules import Policy
from ..core.settings import COLOURS
from . import change, chosen, mode_local, output, store
from .change import Changes
from .errors import OK, Failure
from .invocation import Invocation
from .processes import Process


def show(call: Invocation) -> int:
    """Who runs in which mode, and why; a store that cannot be read does not hide the processes."""
    found = chosen.live(call)
    if call.args.service:
        key = call.key(call.args.service)
        found = [process for process in found if process.service == key]
    failure: Optional[Failure] = None
    held: Optional[store.Contents] = None
    try:
        held = store.read(call)
    except Failure as error:
        failure = error
    call.shape(shape(call, held, found, None))
    for path in _kill_switches(call, found):
        call.lines(output.paragraph("kill switch %s: its processes are dormant (MR7006)" % path, call.screen, "!     "))
    if held is not None and held.rules.policies:
        call.lines([*_policies_table(call, held), ""])
    elif held is not None:
        call.lines(["no Policy: every process runs in the mode of its own setting, MESHRUN_MODE", ""])
    lines = processes_table(call, found)
    call.lines(lines or ["no live process on this machine"])
    if failure is not None:
        call.note("%s %s: %s" % (failure.code, failure.what, failure.why))
        return failure.status
    return OK


def _kill_switches(call: Invocation, found: Sequence[Process]) -> List[str]:
    """Those that are set for these processes, or for those that are started from here."""
    folders = [process.folder for process in found] + list(chosen.own_folders(call))
    return mode_local.those_set(list(dict.fromkeys(folders)))


def selected(process: Process, namespace: str, wanted: Mapping[str, Any]) -> bool:
    """Whether a process is of the service, or of the namespace, that was named."""
    status = process.status or {}
    if wanted.get("service"):
        return process.service == namespace + "/" + str(wanted["service"])
    return str(status.get("namespace") or namespace) == namespace


def shape(
    call: Invocation, held: Optional[store.Contents], found: Sequence[Process], changes: Optional[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """All of it for machines."""
    policies = () if held is None else held.rules.policies
    return {
        "changes": None if changes is None else dict(changes),
        "kill_switches": _kill_switches(call, found),
        "policies": [_policy_shape(policy, held) for policy in policies if held is not None],
        "processes": [
            {
                "pid": process.pid,
                "service": chosen.service(call, process),
                "mode": (process.status or {}).get("mode"),
                "why": (process.status or {}).get("mode_reason"),
            }
            for process in found
        ],
    }


def _policy_shape(policy: Policy, held: store.Contents) -> Mapping[str, Any]:
    document = held.reading.documents[policy.identity]
    return {
        "name": policy.name,
        "namespace": policy.namespace,
        "selector": dict(document.get("selector") or {}),
        "mode": policy.mode,
        "percent": policy.percent,
        "expires": document.get("expires"),
        "expired": _expired(policy, held),
    }


def _expired(policy: Policy, held: store.Contents) -> bool:
    return policy.expires is not None and policy.expires <= held.time


def _policies_table(call: Invocation, held: store.Contents) -> List[str]:
    """The Policies in the order in which they are asked."""
    rows = []
    for policy in held.rules.policies:
        document = held.reading.documents[policy.identity]
        until = str(document.get("expires") or "-") + (" (expired)" if _expired(policy, held) else "")
        share = "all" if policy.percent >= 100 else "%s %%, others carry" % output.number(policy.percent)
        name = policy.name if policy.namespace == call.namespace else "%s.%s" % (policy.name, policy.namespace)
        rows.append((name, _selects(call, policy), policy.mode, share, until))
    return output.table(("POLICY", "SELECTS", "MODE", "SHARE", "UNTIL"), rows, call.screen)


def _selects(call: Invocation, policy: Policy) -> str:
    if policy.service is not None:
        who = policy.service if policy.selects is None else call.name("%s/%s" % (policy.selects, policy.service))
    else:
        who = "every process" + ("" if policy.selects is None else " of the namespace %s" % policy.selects)
    return who + (" with " + output.pairs(dict(policy.tags)) if policy.tags else "")


def processes_table(call: Invocation, found: Sequence[Process]) -> List[str]:
    """The processes for people; nothing where there is none."""
    rows = []
    for process in found:
        status = process.status or {}
        mode = str(status.get("mode") or "does not answer")
        service = chosen.service(call, process) or "-"
        rows.append((str(process.pid), service, mode, _why(call, str(status.get("mode_reason") or "-"))))
    return output.table(("PROCESS", "SERVICE", "MODE", "WHY"), rows, call.screen) if rows else []


def _why(call: Invocation, reason: str) -> str:
    """What decided a mode, for people."""
    if reason.startswith("Policy/") and reason.count("/") == 2:
        return change.short(call, reason)
    return "its setting, the default" if reason == "default" else reason


def told(call: Invocation, changes: Changes, made: Optional[Mapping[str, Any]], revision: Optional[int]) -> List[str]:
    """What a command changed, and what follows from it."""
    if made is None:
        if revision is None:
            return ["no Policy selects just these processes: nothing to delete"]
        name = change.short(call, changes.deleted[0])
        return ["%s deleted, revision %d: the next closest Policy or the setting counts" % (name, revision)]
    name = "Policy %s" % made["name"]
    if revision is None:
        return ["%s is that way already" % name]
    share = made.get("percent", 100)
    who = "" if share == 100 else " for %s %% of the instances; the others carry" % output.number(share)
    until = ", until %s" % made["expires"] if "expires" in made else ""
    line = "%s: %s%s%s, revision %d" % (name, made["mode"], who, until, revision)
    lines = output.paragraph(line, call.screen, "", "  ")
    if made["mode"] not in COLOURS:
        hint = "Below carry the colour of a request ends at these processes. `default` as the mode takes this back."
        lines += output.paragraph(hint, call.screen, "note  ")
    return lines
