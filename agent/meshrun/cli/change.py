"""Changes the rules in the store: one revision with author and reason, or nothing at all."""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..core import documents
from ..core.documents import Parsed, Problem, RuleError
from ..engines.base import Conflict, Edit, EngineError, Revision, RulesReading
from . import output
from .errors import Failure
from .invocation import Invocation
from .invocation import reason as why_of

STDIN = "-"


class Changes(NamedTuple):
    """What a command wants to change, by identity."""

    edits: Sequence[Edit]
    created: Sequence[str] = ()
    changed: Sequence[str] = ()
    deleted: Sequence[str] = ()
    unchanged: Sequence[str] = ()

    def shape(self, revision: Optional[Revision], *, dry_run: bool = False) -> Mapping[str, Any]:
        """The changes for machines."""
        return {
            "revision": None if revision is None else revision.number,
            "created": list(self.created),
            "changed": list(self.changed),
            "deleted": list(self.deleted),
            "unchanged": list(self.unchanged),
            "dry_run": dry_run,
        }


def content(path: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``. Raises `Failure` with code MR2003."""
    if path == STDIN and sys.stdin is None:
        raise Failure("MR2003", "standard input cannot be read", "it is closed", "Name a file that you may read.")
    try:
        if path == STDIN:
            return sys.stdin.buffer.read()
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise Failure("MR2003", "%s cannot be read" % path, why_of(error), "Name a file that you may read.") from error


def reading(call: Invocation) -> RulesReading:
    """The rules now. Raises `Failure` with code MR3001."""
    try:
        return call.engine.rules(None)
    except EngineError as error:
        raise call.unreachable(error) from error


def texts(call: Invocation) -> Mapping[str, str]:
    """The YAML texts of the documents in the store. Raises `Failure` with code MR3001."""
    try:
        return call.engine.texts()
    except EngineError as error:
        raise call.unreachable(error) from error


def parse(call: Invocation, text: str, file: str) -> Sequence[Parsed]:
    """The documents of a text, in the namespace of this command. Raises `Failure` with code MR3006."""
    try:
        return documents.parse(text, file, call.namespace)
    except RuleError as error:
        raise invalid(error.problems) from error


def check(parsed: Sequence[Parsed]) -> None:
    """Check documents against each other. Raises `Failure` with code MR3006."""
    try:
        documents.check_set(parsed)
    except RuleError as error:
        raise invalid(error.problems) from error


def apply(call: Invocation, changes: Changes, seen: RulesReading, reason: str) -> Revision:
    """Write the changes, if the rules still are those that were seen.

    Raises `Failure`: MR3002 if they are not (a retry could undo what somebody else just did, so a person decides),
    MR3006 if the resulting set is not valid, MR3001 if the store cannot be written.
    """
    try:
        return call.engine.apply(changes.edits, call.author, call.option("reason") or reason, seen.version)
    except Conflict as error:
        mend = "Look at what changed (meshctl status shows who), then run the command again."
        what = "the rules changed while this command ran; nothing was written"
        raise Failure("MR3002", what, str(error), mend) from error
    except RuleError as error:
        raise invalid(error.problems) from error
    except EngineError as error:
        raise call.unreachable(error) from error


def invalid(problems: Sequence[Problem], so: str = "nothing was changed") -> Failure:
    """The failure that lists every problem of rule documents; `so`: what was not done because of them."""
    return Failure("MR3006", "%s in the rules; %s" % (output.count(len(problems), "problem"), so), problems=problems)


def merged(call: Invocation, changes: Changes) -> List[Parsed]:
    """The set that the store would hold after the changes. Raises `Failure` with code MR3006."""
    after: Dict[str, Optional[str]] = dict(texts(call))
    after.update({edit.identity: edit.text for edit in changes.edits})
    return [one for identity, text in after.items() if text for one in documents.parse(text, identity)]


def short(call: Invocation, identity: str) -> str:
    """An identity as people read it: ``Lane gray``, with the namespace where it is another than the one asked for."""
    kind, namespace, name = identity.split("/", 2)
    return "%s %s" % (kind, name if namespace == call.namespace else "%s (namespace %s)" % (name, namespace))
