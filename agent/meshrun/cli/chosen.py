"""Which live processes a command is about: where they are searched, and those that ``--pid`` or ``--service`` names."""

from __future__ import annotations

import argparse
import os
from typing import List, Optional, Sequence, Tuple

from ..core import places
from . import output, processes
from .errors import Failure
from .invocation import Invocation
from .processes import Process


def arguments(parser: argparse.ArgumentParser, pid: str) -> None:
    """The options that `named` reads; `pid`: the help of the one."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--service", metavar="SVC", help="only processes of this service")
    which.add_argument("--pid", type=int, metavar="PID", help=pid)


def folders(call: Invocation) -> Tuple[str, ...]:
    """The state folders, or patterns of them, in which processes are searched."""
    return processes.folders(call.environ, call.uid, call.settings.values["STATE_DIR"], call.option("state_dir"))


def own_folders(call: Invocation) -> Tuple[str, ...]:
    """The state folders that processes of this user take when they are started from here."""
    setting = call.option("state_dir") or call.settings.values["STATE_DIR"]
    return tuple(os.path.normpath(folder) for folder in places.state_dirs(call.environ, call.uid, setting))


def live(call: Invocation) -> List[Process]:
    """The live processes of this machine."""
    return processes.live(folders(call), call.uid)


def named(call: Invocation, found: Sequence[Process], mend: str) -> Optional[List[Process]]:
    """Those of the processes found that the options name; None: there is no such option.

    Raises `Failure` with code MR6001 and that way to mend it when there is none of them.
    """
    pid, service = call.args.pid, call.args.service
    if pid is not None:
        wanted, those = "process %d" % pid, [process for process in found if process.pid == pid]
    elif service:
        key = call.key(service)
        wanted, those = "process of %s" % call.name(key), [process for process in found if process.service == key]
    else:
        return None
    if not those:
        raise missing(wanted, folders(call), mend)
    return those


def missing(wanted: str, searched: Sequence[str], mend: str) -> Failure:
    """The failure that says that a process which is wanted does not live."""
    return Failure("MR6001", "there is no %s under %s" % (wanted, output.listed(searched)), mend=mend)


def service(call: Invocation, process: Process) -> Optional[str]:
    """The name of a process's service as it reads here; None: it has none."""
    return None if process.service is None else call.name(process.service)
