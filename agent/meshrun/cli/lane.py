"""``meshctl lane``: create, widen, list and delete lanes."""

from __future__ import annotations

import argparse
from typing import Any, Dict, Mapping, NamedTuple, Tuple

from ..core import documents
from ..engines.base import Edit, RulesReading
from . import arguments as arguments_
from . import change, lane_new, lane_share, lane_view, output, store
from .arguments import Subcommand
from .change import Changes
from .errors import OK, Failure
from .invocation import Invocation


def arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    arguments_.group(parser, SUBCOMMANDS)


def run(call: Invocation) -> int:
    """Run the chosen command."""
    return int(call.args.subcommand(call))


class _Known(NamedTuple):
    """A Lane of the store."""

    identity: str
    document: Mapping[str, Any]
    seen: RulesReading


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("name", metavar="NAME", help="name of the lane")
    add("--at", required=True, action="append", metavar="SVC[,SVC]", help="services whose requests may enter the lane")
    add("--tag", action="append", metavar="K=V", help="tags of the lane's instances (default: lane=NAME)")
    add("--percent", type=_percent, metavar="N", help="share of the requests that enter, 0 to 100")
    words: Dict[str, Any] = {"nargs": "+", "action": "append", "metavar": "K=V"}
    add("--when", help="conditions that must all hold, such as header.x-user-id=7 or 'path={prefix: /v2}'", **words)
    add("--sticky", metavar="SRC", help="decides by this value who is in the share, such as header.x-user-id")
    add("--fallback", metavar="F", help="baseline (default), strict, or lanes and an end: other,baseline")
    add("--reason", metavar="TEXT", help="why, for the history")


def _percent_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the lane")
    parser.add_argument("percent", type=_percent, metavar="N", help="share of the requests that enter, 0 to 100")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the history")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def _delete_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the lane")
    parser.add_argument("--force", action="store_true", help="also while instances of the lane live")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the history")


def _percent(word: str) -> float:
    try:
        number = float(word.rstrip("%"))
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError("%r is not a number from 0 to 100" % word)
    return number


def create(call: Invocation) -> int:
    """Write a new Lane."""
    seen = change.reading(call)
    document = lane_new.document(call)
    identity = documents.identity(document)
    if identity in seen.documents:
        mend = "Change its share with `meshctl lane percent %s N`, or delete it first." % call.args.name
        raise Failure("MR4001", "the lane %s exists already" % call.args.name, mend=mend)
    changes = Changes([Edit(identity, documents.render(document))], created=[identity])
    revision = change.apply(call, changes, seen, "lane create " + call.args.name)
    call.shape(changes.shape(revision))
    call.lines(["lane %s created, revision %d" % (call.args.name, revision.number)])
    call.lines(lane_view.story(call, store.read(call), document))
    return OK


def percent(call: Invocation) -> int:
    """Set the share of a Lane; the rest of its text, and of its file, stays as it is."""
    lane = _known(call, call.args.name)
    if not lane_share.at_of(lane.document):
        mend = "Add an item such as `enter: [{ at: [web], percent: 10 }]` to it with `meshctl rules apply`."
        raise Failure("MR4004", "the lane %s is entered nowhere" % call.args.name, "it has no item in `enter`", mend)
    wanted = lane_share.set_percent(lane.document, call.args.percent)
    if wanted == lane.document:
        changes = Changes([], unchanged=[lane.identity])
        call.shape(changes.shape(None))
        call.lines(["lane %s is that way already" % call.args.name])
        return OK
    changes = Changes([Edit(lane.identity, documents.render(wanted))], changed=[lane.identity])
    words = "lane percent %s %s" % (call.args.name, output.number(call.args.percent))
    revision = change.apply(call, changes, lane.seen, words)
    call.shape(changes.shape(revision))
    call.lines(
        [
            "lane %s: %s of the requests enter, revision %d"
            % (call.args.name, output.number(call.args.percent) + " %", revision.number)
        ]
    )
    call.lines(lane_view.story(call, store.read(call), wanted))
    return OK


def list_(call: Invocation) -> int:
    """List the lanes: who enters, where calls fall back to, and the live instances."""
    contents = store.read(call)
    lanes = lane_view.lanes(call, contents)
    call.shape({"lanes": [lane.shape() for lane in lanes]})
    call.lines(lane_view.table(call, lanes))
    return OK


def delete(call: Invocation) -> int:
    """Delete a Lane; refused while its instances live, unless forced."""
    lane = _known(call, call.args.name)
    contents = store.read(call)
    members = lane_view.members(contents, call.namespace, lane_view.tags_of(lane.document))
    said = output.listed(["%s (%d)" % (call.name(key), number) for key, number in members.items()])
    if members and not call.args.force:
        why = "instances with its tags live: %s" % said
        mend = "Stop them first; or --force: nobody enters any more, and they get only calls that carry the colour."
        raise Failure("MR4003", "the lane %s still has instances" % call.args.name, why, mend)
    changes = Changes([Edit(lane.identity, None)], deleted=[lane.identity])
    revision = change.apply(call, changes, lane.seen, "lane delete " + call.args.name)
    call.shape(changes.shape(revision))
    call.lines(["lane %s deleted, revision %d" % (call.args.name, revision.number)])
    if members:
        call.lines(output.paragraph("its instances live on: %s" % said, call.screen, "  "))
    return OK


def _known(call: Invocation, name: str) -> _Known:
    """The Lane of that name. Raises `Failure` with code MR4002."""
    seen = change.reading(call)
    identity = "Lane/%s/%s" % (call.namespace, name)
    if identity in seen.documents:
        return _Known(identity, seen.documents[identity], seen)
    prefix = "Lane/%s/" % call.namespace
    known = sorted(found[len(prefix) :] for found in seen.documents if found.startswith(prefix))
    import difflib  # noqa: PLC0415 -- only after a mistake

    near = difflib.get_close_matches(name, known, 1)
    mend = "Lanes: %s." % (output.listed(known, 12) or "none yet; see `meshctl lane create --help`")
    if near:
        mend = "Did you mean %s?" % near[0]
    raise Failure("MR4002", "there is no lane %s in the namespace %s" % (name, call.namespace), mend=mend)


SUBCOMMANDS: Tuple[Subcommand, ...] = (
    Subcommand("create", "write a new Lane", _create_arguments, create),
    Subcommand("percent", "set the share of requests that enter a lane", _percent_arguments, percent),
    Subcommand("list", "lanes, who enters them and their live instances", _list_arguments, list_),
    Subcommand("delete", "delete a Lane", _delete_arguments, delete),
)
