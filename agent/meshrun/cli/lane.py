"""``meshctl lane``: create, widen, list and delete lanes."""

from __future__ import annotations

import argparse
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..core import documents, yamltext
from ..core.problem import Problem
from ..engines.base import Edit, RulesReading
from . import arguments as arguments_
from . import change, lane_text, lane_view, output, store, yaml_edit
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
    document = _new(call)
    identity = documents.identity(document)
    if identity in seen.documents:
        mend = "Change its share with `meshctl lane percent %s N`, or delete it first." % call.args.name
        raise Failure("MR4001", "the lane %s exists already" % call.args.name, mend=mend)
    text = documents.render(document)
    parsed = change.parse(call, text, "lane create")
    changes = Changes([Edit(identity, text)], created=[identity])
    revision = change.apply(call, changes, seen, "lane create " + call.args.name)
    call.shape(changes.shape(revision))
    contents = store.read(call)
    call.lines(["lane %s created, revision %d" % (call.args.name, revision.number)])
    call.lines(lane_view.story(call, contents, parsed[0].document))
    return OK


def _new(call: Invocation) -> Dict[str, Any]:
    """The Lane that the arguments describe, in a form that `documents.render` writes."""
    args = call.args
    at = [name.strip() for words in args.at for name in words.split(",") if name.strip()]
    items: List[Dict[str, Any]] = []
    conditions = _conditions(args.when)
    if conditions:
        items.append({"at": at, "when": [conditions]})
    if args.percent is not None or args.sticky or not conditions:
        share: Dict[str, Any] = {"at": at, "percent": lane_text.number(args.percent or 0)}
        items.append(dict(share, sticky=args.sticky) if args.sticky else share)
    document: Dict[str, Any] = {"kind": "Lane", "namespace": call.namespace, "name": args.name}
    tags = [word for words in args.tag or () for word in words.split(",")]
    document["tags"] = dict(arguments_.pairs(tags, "--tag")) or {"lane": args.name}
    document["enter"] = items
    document["fallback"] = _fallback(args.fallback or "baseline")
    return document


def _conditions(words: Optional[Sequence[Sequence[str]]]) -> Dict[str, Dict[str, Any]]:
    """``--when`` as one item: source -> {operator: operand}."""
    found: Dict[str, Dict[str, Any]] = {}
    for source, value in arguments_.pairs(words, "--when"):
        if source in found:
            mend = "To accept several values: '%s={in: [a, b]}'." % source
            raise Failure("MR2001", "--when names %s twice" % source, mend=mend)
        tests = _written(value)
        found[source] = tests if isinstance(tests, dict) else {"exact": value}
    return found


def _fallback(word: str) -> Any:
    written = _written(word)
    if written is not None:
        return written
    names = [name.strip() for name in word.split(",") if name.strip()]
    return names[0] if len(names) == 1 else names


def _written(word: str) -> Any:
    """The value of a word in YAML's brackets; None for any other word."""
    if not word.startswith(("{", "[")):
        return None
    problems: List[Problem] = []
    found = list(yamltext.read(word, "argument", problems))
    if problems or len(found) != 1:
        raise Failure("MR2001", "%r is not YAML" % word, "; ".join(problem.what for problem in problems))
    return yaml_edit.plain(found[0].root)


def percent(call: Invocation) -> int:
    """Set the share of a Lane; the rest of its text, and of its file, stays as it is."""
    lane = _known(call, call.args.name)
    at = lane_text.at_of(lane.document)
    if not at:
        mend = "Add an item such as `enter: [{ at: [web], percent: 10 }]` to it with `meshctl rules apply`."
        raise Failure("MR4004", "the lane %s is entered nowhere" % call.args.name, "it has no item in `enter`", mend)
    wanted = lane_text.set_percent(lane.document, call.args.percent)
    text = lane_text.with_percent(change.texts(call).get(lane.identity, ""), call.args.percent, at)
    if text is None or [one.document for one in _parsed(text)] != [wanted]:
        text = documents.render(wanted)  # a layout that cannot be changed in place is written anew
    if wanted == lane.document:
        changes = Changes([], unchanged=[lane.identity])
        call.shape(changes.shape(None))
        call.lines(["lane %s is that way already" % call.args.name])
        return OK
    changes = Changes([Edit(lane.identity, text)], changed=[lane.identity])
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


def _parsed(text: str) -> Sequence[documents.Parsed]:
    """The documents of a text as the store reads it, or none."""
    try:
        return documents.parse(text, "")
    except documents.RuleError:
        return ()


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
