"""``meshctl explain``: where one call would go, and why, decided by the function that decides live calls."""

from __future__ import annotations

import argparse
import random
from typing import Any, Dict, List, Optional, Tuple

from .. import wire
from ..core import colour as colours
from ..core import explain as explaining
from ..core import reason
from ..core.explain import Explanation
from ..core.index import Index, Snapshot
from ..core.model import READY, Pairs
from ..core.route import Local
from . import output, store
from .arguments import pairs
from .errors import FINDING, OK, Failure
from .invocation import Invocation

NOT_MESH = "not-mesh: no service or Alias has this host"
_MEANINGS = {
    reason.LANE: "an instance of the call's lane serves it",
    reason.BASELINE: "the call has no lane, so baseline serves it",
    reason.ZONE: "the caller's own zone has enough healthy instances",
    reason.LANE_FALLBACK: "the lane has no instance here, so its fallback serves the call",
    reason.LANE_STRICT: "the lane has no instance here and its fallback is strict: the call is refused",
    reason.NO_INSTANCE: "no instance can serve it: the call goes to the address that the application wrote",
    reason.PROTOCOL: "no instance speaks this protocol: the call goes to the address that the application wrote",
    reason.NOT_MESH: "the call goes to the address that the application wrote, and carries no colour",
    reason.EJECTED: "only instances that failed lately are left",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The call to explain."""
    parser.add_argument("--from", dest="caller", metavar="SVC", help="the calling service; lanes may be entered there")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", metavar="SVC", help="the called service")
    where.add_argument("--url", metavar="URL", help="the URL as the application writes it")
    parser.add_argument("--method", metavar="M", help="method of the request (default: GET)")
    parser.add_argument("--path", metavar="PATH", help="path with query (default: that of the URL, or /)")
    words: Dict[str, Any] = {"nargs": "+", "action": "append", "metavar": "K=V"}
    parser.add_argument("--header", help="headers of the request; a dialect's own header colours it", **words)
    parser.add_argument("--colour", help="the colour that the request came with", **words)
    parser.add_argument("--draw", type=float, metavar="0..1", help="the random number of shares and weights")


def run(call: Invocation) -> int:
    """Explain one call; the exit status is 1 when no instance of the mesh would serve it."""
    contents = store.read(call)
    headers = pairs(call.args.header, "--header")
    given = pairs(call.args.colour, "--colour")
    asked: Dict[str, Any] = {
        "from": call.args.caller,
        "to": call.args.to,
        "url": call.args.url,
        "method": call.args.method,
        "path": call.args.path,
        "headers": dict(headers),
        # One number for the whole call, and said, so that what was drawn can be looked at again.
        "draw": round(random.random(), 4) if call.args.draw is None else call.args.draw,  # noqa: S311 -- no secret
    }
    incoming = _incoming(call, contents, headers)
    if given or incoming:
        asked["colour"] = dict(given or incoming)
    try:
        question = explaining.read(asked, call.namespace)
    except explaining.QuestionError as error:
        raise Failure("MR2001", str(error), mend="See `meshctl explain --help`.") from None
    if given and not question.colour:
        raise Failure("MR2001", "--colour holds no valid pair", "keys and values are 1 to 64 of A-Z a-z 0-9 . _ -")
    index = Index(Snapshot(contents.rules, contents.members.instances, contents.members.vacancies))
    found = explaining.explain(index, question, call.namespace, Local(), contents.time, random.random)
    call.shape(found.shape(call.name))
    call.lines(text(call, question, found, bool(incoming and not given)))
    call.lines(_hints(call, contents, question, found))
    return OK if found.chosen is not None else FINDING


def _incoming(call: Invocation, contents: store.Contents, headers: List[Tuple[str, str]]) -> Pairs:
    """The colour that the headers say in a dialect that this mesh reads."""
    dialects, _ = wire.chosen(call.settings.values["WIRE_READ"])
    keys = contents.rules.reserved_keys(call.namespace) | {key.lower() for key in call.settings.values["COLOUR_KEYS"]}
    found: Dict[str, str] = {}
    for dialect in dialects:
        for name, value in headers:
            token = dialect.recognise(name.lower())
            if token is not None:
                for key, word in dialect.read(token, value, keys):
                    found.setdefault(key.lower(), word)
    return colours.clean(found.items())[0]


def text(call: Invocation, question: explaining.Question, found: Explanation, from_headers: bool) -> List[str]:
    """The explanation for people: what was asked, the colour, the rules, the candidates, the outcome."""
    screen = call.screen
    caller = call.name(question.caller) if question.caller else None
    target = call.args.url or call.name(found.service or question.service or "")
    who = "%s calls %s" % (caller or "somebody", target)
    lines = output.paragraph("%s: %s %s" % (who, question.method, question.path), screen)
    lines.append("service " + (call.name(found.service) if found.service else NOT_MESH))
    lines += output.paragraph(_colour(call, question, found, from_headers), screen, "colour  ")
    if question.draw is not None:
        number = output.number(question.draw)
        again = "" if call.args.draw is not None else " (at random; --draw %s repeats it)" % number
        lines.append("draw    " + number + again)
    for heading, rows in (("rules", found.rules), ("instances", found.candidates)):
        if rows:
            lines.append("")
            words = ("holds", "no") if heading == "rules" else ("kept", "out")
            shown = [(name, words[0] if good else words[1], why) for name, good, why in rows]
            head = ("RULE", "", "WHY") if heading == "rules" else ("INSTANCE", "", "WHY")
            lines += output.table(head, shown, screen)
    lines.append("")
    outcome = found.chosen or ("refused" if found.refused else "where the application sent it")
    lines.append("chosen  " + screen.style(outcome, "green" if found.chosen else "yellow"))
    return lines + output.paragraph("%s - %s" % (found.reason, _meaning(found.reason)), screen, "reason  ")


def _colour(call: Invocation, question: explaining.Question, found: Explanation, from_headers: bool) -> str:
    words = output.pairs(dict(found.colour)) if found.colour else "none"
    if found.entered and question.caller:
        return "%s (the request enters a lane at %s)" % (words, call.name(question.caller))
    return words + (" (read from the headers)" if from_headers else "")


def _meaning(code: str) -> str:
    kind, colon, rule = code.partition(":")
    if colon:
        return "the Route %s narrows the call" % rule if kind == "route" else "the Route %s refuses the call" % rule
    return _MEANINGS.get(code, "")


def _hints(call: Invocation, contents: store.Contents, question: explaining.Question, found: Explanation) -> List[str]:
    """What else is worth knowing about this call."""
    hints: List[str] = []
    if found.service is None:
        known = sorted(set(contents.members.instances) | contents.rules.services)
        hints.append("Known services: %s." % (output.listed([call.name(key) for key in known], 12) or "none"))
        near = _nearest(question.host or (question.service or "").rpartition("/")[2], [call.name(key) for key in known])
        if near:
            hints.insert(0, "Did you mean %s?" % near)
    if question.caller and not found.colour:
        hints += _tagged(call, contents, question.caller)
    if question.caller and not _seen(contents, question.caller):
        hints.append("No instance of %s is known; is --from spelled right?" % call.name(question.caller))
    return [line for hint in hints for line in output.paragraph(hint, call.screen, "note    ")]


def _tagged(call: Invocation, contents: store.Contents, caller: str) -> List[str]:
    """Instances of the caller colour what they send; that cannot be seen from its name."""
    lanes: Dict[Pairs, int] = {}
    for instance in contents.members.instances.get(caller, ()):
        tags = store.routing(instance, contents.rules)
        if tags and instance.alive and instance.state == READY:
            lanes[tags] = lanes.get(tags, 0) + 1
    return [
        "%s of %s carries %s and colours its calls so: add --colour %s to see them."
        % (output.count(number, "instance"), call.name(caller), output.pairs(dict(tags)), " ".join(map("=".join, tags)))
        for tags, number in sorted(lanes.items())
    ]


def _seen(contents: store.Contents, key: str) -> bool:
    return bool(contents.members.instances.get(key)) or key in contents.rules.services


def _nearest(word: str, known: List[str]) -> Optional[str]:
    import difflib  # noqa: PLC0415 -- only after a mistake

    near = difflib.get_close_matches(word, known, 1)
    return near[0] if near else None
