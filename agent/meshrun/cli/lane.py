"""``meshctl lane``: create, widen, pause, abort, promote, list and delete lanes."""

from __future__ import annotations

import argparse
from typing import Any, Dict, Tuple

from ..core import documents
from ..engines.base import Edit
from . import arguments as arguments_
from . import change, lane_find, lane_new, lane_phase, lane_share, lane_view, output, store
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


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("name", metavar="NAME", help="name of the lane")
    add("--at", required=True, action="append", metavar="SVC[,SVC]", help="services whose requests may enter the lane")
    add("--tag", action="append", metavar="K=V", help="tags of the lane's instances (default: lane=NAME)")
    add("--percent", type=arguments_.percent, metavar="N", help="share of the requests that enter, 0 to 100")
    words: Dict[str, Any] = {"nargs": "+", "action": "append", "metavar": "K=V"}
    add("--when", help="conditions that must all hold, such as header.x-user-id=7 or 'path={prefix: /v2}'", **words)
    add("--sticky", metavar="SRC", help="decides by this value who is in the share, such as header.x-user-id")
    add("--fallback", metavar="F", help="baseline (default), strict, or lanes and an end: other,baseline")
    add("--reason", metavar="TEXT", help="why, for the history")


def _percent_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the lane")
    parser.add_argument(
        "percent", type=arguments_.percent, metavar="N", help="share of the requests that enter, 0 to 100"
    )
    parser.add_argument("--reason", metavar="TEXT", help="why, for the history")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def _delete_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the lane")
    parser.add_argument("--force", action="store_true", help="also while instances of the lane live")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the history")


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
    lane = lane_find.known(call, call.args.name)
    lane_find.entered(lane)
    share = output.number(call.args.percent)
    wanted = lane_share.set_percent(lane.document, call.args.percent)
    revision = lane_find.write(call, lane, wanted, "lane percent %s %s" % (call.args.name, share))
    if revision is not None:
        said = (call.args.name, share, revision.number)
        call.lines(["lane %s: %s %% of the requests enter, revision %d" % said])
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
    lane = lane_find.known(call, call.args.name)
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


SUBCOMMANDS: Tuple[Subcommand, ...] = (
    Subcommand("create", "write a new Lane", _create_arguments, create),
    Subcommand("percent", "set the share of requests that enter a lane", _percent_arguments, percent),
    Subcommand("pause", "let nobody new in; the share is kept", lane_phase.arguments, lane_phase.pause),
    Subcommand("abort", "set every share to 0 and take the conditions off", lane_phase.arguments, lane_phase.abort),
    Subcommand("promote", "set every share to 100, without conditions", lane_phase.arguments, lane_phase.promote),
    Subcommand("list", "lanes, who enters them and their live instances", _list_arguments, list_),
    Subcommand("delete", "delete a Lane", _delete_arguments, delete),
)
