"""Every error and finding of ``meshctl``: one table of codes. ``docs/errors.md`` explains each; a test compares both.

Codes of rule documents (``MR1nnn``) belong to `core`, which raises them; those below belong to the command line.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Sequence

from ..core.problem import Problem

OK, FINDING, USAGE, UNREACHABLE = 0, 1, 2, 3
"""Exit statuses."""


class Code(NamedTuple):
    """What a code stands for, in one line, and the exit status that goes with it."""

    title: str
    status: int


CODES: Mapping[str, Code] = {
    "MR2001": Code("The command line is not understood", USAGE),
    "MR2002": Code("A setting cannot be read", USAGE),
    "MR2003": Code("A file cannot be read", USAGE),
    "MR2004": Code("A setting is not known or not used", OK),
    "MR2005": Code("A setting does nothing where it stands", FINDING),
    "MR2006": Code("The file exists already", FINDING),
    "MR2007": Code("A file cannot be written", USAGE),
    "MR2008": Code("The door of a virtual environment cannot be used", USAGE),
    "MR2015": Code("The bundle cannot be built", USAGE),
    "MR2016": Code("The folder is not free for a bundle", FINDING),
    "MR3001": Code("The store cannot be read or written", UNREACHABLE),
    "MR3002": Code("Somebody else changed the rules at the same time", FINDING),
    "MR3003": Code("There is nothing to apply", FINDING),
    "MR3004": Code("The rules in the store are not in force", FINDING),
    "MR3005": Code("The store is empty", OK),
    "MR3006": Code("The rule documents are not valid", FINDING),
    "MR3007": Code("The cases of a rule test cannot be read", USAGE),
    "MR3008": Code("A case of a rule test fails", FINDING),
    "MR4001": Code("The lane exists already", FINDING),
    "MR4002": Code("There is no such lane", FINDING),
    "MR4003": Code("The lane still has live instances", FINDING),
    "MR4004": Code("No service is known at which the lane is entered", FINDING),
    "MR4005": Code("No live instance carries the lane's tags", OK),
    "MR6001": Code("No live process was found", UNREACHABLE),
    "MR6002": Code("A process does not answer", FINDING),
    "MR6003": Code("A process is not registered", OK),
    "MR6004": Code("A process reads another store", FINDING),
    "MR6005": Code("Calls go to hosts that are not mesh services", OK),
    "MR6006": Code("A process reports errors of its own", FINDING),
    "MR6007": Code("A process runs older rules than the store holds", OK),
    "MR6008": Code("No process of this machine lives in the state folders", OK),
    "MR6009": Code("A hook is off in a process", FINDING),
    "MR6010": Code("A process imported libraries before meshrun started", OK),
    "MR7001": Code("This Python is not supported", FINDING),
    "MR7002": Code("Nothing starts meshrun in this program", FINDING),
    "MR7003": Code("An option of the interpreter keeps meshrun out", FINDING),
    "MR7004": Code("Another sitecustomize stands before that of meshrun", FINDING),
    "MR7005": Code("The state folder cannot be used", FINDING),
    "MR7006": Code("The kill switch is set", FINDING),
    "MR7007": Code("The crash guard has seen young deaths", FINDING),
    "MR7008": Code("The version of a library is not supported", FINDING),
    "MR7009": Code("Another agent is installed", OK),
    "MR7010": Code("The store can be read and not written", FINDING),
    "MR7011": Code("The command cannot be looked at", FINDING),
    "MR7012": Code("The mode patches nothing", OK),
    "MR7013": Code("PYTHONPATH was lost on the way", FINDING),
    "MR7014": Code("A port is taken, not listened on, or for root only", OK),
    "MR7015": Code("Clocks differ", FINDING),
    "MR7016": Code("The platform kills before the drain is over", FINDING),
    "MR7017": Code("PYTHONPATH leads to another version of meshrun", OK),
    "MR7018": Code("A stop of the parent leaves its workers serving", FINDING),
    "MR7019": Code("A stop signal ends a server at once", FINDING),
    "MR8001": Code("The unit cannot be used", USAGE),
    "MR8002": Code("The drop-in of a unit is not what it would be now", FINDING),
    "MR8003": Code("A service does not run as its drop-in says", FINDING),
    "MR8004": Code("Something in a unit stands in the way", FINDING),
    "MR8005": Code("A command of the system failed", USAGE),
}


ADMIN_CODES: Mapping[str, str] = {
    "MR5001": "The admin socket has no such path",
    "MR5002": "The process failed while it answered; its stderr says how",
    "MR5003": "The process has no snapshot of rules and instances yet",
    "MR5004": "The question cannot be read",
    "MR5005": "The mode cannot be read",
    "MR5006": "The Host of the request is not this machine",
    "MR5007": "The request cannot be read",
    "MR5008": "The token is missing or wrong",
}
"""What a process answers on its admin socket, and on TCP; documented on the same page."""


class Failure(Exception):
    """A command cannot do what was asked: what happened, why, how to mend it, and the code of it all."""

    def __init__(self, code: str, what: str, why: str = "", mend: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(what)
        self.code, self.what, self.why, self.mend, self.problems = code, what, why, mend, problems
        self.status = CODES[code].status

    def shape(self) -> Mapping[str, Any]:
        """The failure for machines."""
        found: Dict[str, Any] = {"code": self.code, "what": self.what, "why": self.why, "mend": self.mend}
        if self.problems:
            found["problems"] = [problem_shape(problem) for problem in self.problems]
        return {"error": found}


def problem_shape(problem: Problem, *, advice: bool = False) -> Mapping[str, Any]:
    """A problem of a rule document for machines."""
    return dict(problem._asdict(), advice=advice)
