"""``meshctl offline``: live processes deregister and drain; they stay offline until they are started again."""

from __future__ import annotations

import argparse
from typing import List

from . import admin, chosen, output
from .errors import CODES, OK
from .invocation import Invocation
from .processes import Process


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which instances; all of the state folder where nothing is said."""
    chosen.arguments(parser, "only the instance of this process")


def run(call: Invocation) -> int:
    """Tell the chosen processes; any process of an instance answers for the whole instance."""
    meant = _meant(call)
    answers = dict(admin.ask_all([process.socket for process in meant], "POST", "/offline"))
    shown, status = [], OK
    for process in meant:
        answer = answers.get(process.socket)
        draining = bool(answer and answer.body and answer.body.get("draining"))
        shown.append({"pid": process.pid, "service": chosen.service(call, process), "draining": draining})
        name = "pid %d (%s)" % (process.pid, chosen.service(call, process) or "no service name")
        if draining:
            inflight = (process.status or {}).get("inflight") or 0
            said = "drains, %s in flight" % output.count(inflight, "request")
        else:
            status = CODES["MR6002"].status
            said = "does not answer: " + ((answer and answer.problem) or "it ended") + " (MR6002)"
        call.lines(output.paragraph("%s %s" % (name, said), call.screen, "", "  "))
    call.shape({"processes": shown})
    return status


def _meant(call: Invocation) -> List[Process]:
    """The processes that are meant. Raises `Failure` with code MR6001 when there is none."""
    found = chosen.live(call)
    mend = "See `meshctl status`; --state-dir or MESHRUN_STATE_DIR names another folder."
    if found:
        others = ["%d (%s, %s)" % (p.pid, chosen.service(call, p) or "no service name", p.folder) for p in found]
        mend = "Name one of these with --pid or --service: %s." % output.listed(others)
    named = chosen.named(call, found, mend)
    if named is not None:
        return named
    own = chosen.own_folders(call)
    here = [process for process in found if process.folder in own]
    if not here:
        raise chosen.missing("live process", own, mend)
    return here
