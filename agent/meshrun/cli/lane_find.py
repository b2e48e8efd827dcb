"""One Lane of the store: finds it by name, or says which there are; writes it back changed."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional

from ..core import documents
from ..engines.base import Edit, Revision, RulesReading
from . import change, lane_share, output
from .change import Changes
from .errors import Failure
from .invocation import Invocation


class Known(NamedTuple):
    """A Lane of the store."""

    identity: str
    document: Mapping[str, Any]
    seen: RulesReading


def known(call: Invocation, name: str) -> Known:
    """The Lane of that name in the namespace of the command. Raises `Failure` with code MR4002."""
    seen = change.reading(call)
    identity = "Lane/%s/%s" % (call.namespace, name)
    if identity in seen.documents:
        return Known(identity, seen.documents[identity], seen)
    prefix = "Lane/%s/" % call.namespace
    names = sorted(found[len(prefix) :] for found in seen.documents if found.startswith(prefix))
    import difflib  # noqa: PLC0415 -- only after a mistake

    near = difflib.get_close_matches(name, names, 1)
    mend = "Lanes: %s." % (output.listed(names, 12) or "none yet; see `meshctl lane create --help`")
    if near:
        mend = "Did you mean %s?" % near[0]
    raise Failure("MR4002", "there is no lane %s in the namespace %s" % (name, call.namespace), mend=mend)


def entered(lane: Known) -> None:
    """Raise `Failure` with code MR4004 if the Lane is entered nowhere: there is no place for a share."""
    if not lane_share.at_of(lane.document):
        name = lane.document["name"]
        mend = "Add an item such as `enter: [{ at: [web], percent: 10 }]` to it with `meshctl rules apply`."
        raise Failure("MR4004", "the lane %s is entered nowhere" % name, "it has no item in `enter`", mend)


def write(call: Invocation, lane: Known, wanted: Mapping[str, Any], words: str) -> Optional[Revision]:
    """Write the Lane if it differs, and print the change for machines; None: it is that way already.

    The rest of its text, and of its file, stays as it is.
    """
    if wanted == lane.document:
        call.shape(Changes([], unchanged=[lane.identity]).shape(None))
        call.lines(["lane %s is that way already" % lane.document["name"]])
        return None
    changes = Changes([Edit(lane.identity, documents.render(wanted))], changed=[lane.identity])
    revision = change.apply(call, changes, lane.seen, words)
    call.shape(changes.shape(revision))
    return revision
