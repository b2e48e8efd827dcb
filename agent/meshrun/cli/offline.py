"""``meshctl offline``: live processes deregister and drain; they stay offline until they are started again."""

from __future__ import annotations

import argparse
from typing import List, Optional

from . import admin, output, processes
from .errors import CODES, OK, Failure
from .invocation import Invocation
from .processes import Process


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which instances; all of the state folder where nothing is said."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--service", metavar="SVC", help="only processes of this service")
    which.add_argument("--pid", type=int, metavar="PID", help="only the instance of this process")


def run(call: Invocation) -> int:
    """Tell the chosen processes; any process of an instance answers for the whole instance."""
    chosen = _chosen(call)
    answers = dict(admin.ask_all([process.socket for process in chosen], "POST", "/offline"))
    shown, status = [], OK
    for process in chosen:
        answer = answers.get(process.socket)
        draining = bool(answer and answer.body and answer.body.get("draining"))
        shown.append({"pid": process.pid, "service": _service(call, process), "draining": draining})
        name = "pid %d (%s)" % (process.pid, _service(call, process) or "no service name")
        if draining:
            inflight = (process.status or {}).get("inflight") or 0
            said = "drains, %s in flight" % output.count(inflight, "request")
        else:
            status = CODES["MR6002"].status
            said = "does not answer: " + ((answer and answer.problem) or "it ended") + " (MR6002)"
        call.lines(output.paragraph("%s %s" % (name, said), call.screen, "", "  "))
    call.shape({"processes": shown})
    return status


def _chosen(call: Invocation) -> List[Process]:
    """The processes that are meant. Raises `Failure` with code MR6001 when there is none."""
    setting = call.settings.values["STATE_DIR"]
    searched = processes.folders(call.environ, call.uid, setting, call.option("state_dir"))
    found = processes.live(searched, call.uid)
    pid, service = call.args.pid, call.args.service
    if pid is not None:
        chosen, wanted = [process for process in found if process.pid == pid], "process %d" % pid
    elif service:
        key = call.key(service)
        chosen, wanted = [process for process in found if process.service == key], "process of %s" % call.name(key)
    else:
        own = processes.own_folders(call.environ, call.uid, setting, call.option("state_dir"))
        chosen, wanted = [process for process in found if process.folder in own], "live process"
        searched = own
    if chosen:
        return chosen
    what = "there is no %s under %s" % (wanted, output.listed(searched))
    mend = "See `meshctl status`; --state-dir or MESHRUN_STATE_DIR names another folder."
    if found:
        others = ["%d (%s, %s)" % (p.pid, _service(call, p) or "no service name", p.folder) for p in found]
        mend = "Name one of these with --pid or --service: %s." % output.listed(others)
    raise Failure("MR6001", what, mend=mend)


def _service(call: Invocation, process: Process) -> Optional[str]:
    return None if process.service is None else call.name(process.service)
