"""From the arguments of ``meshctl lane create`` to the Lane that they describe."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from ..core import documents, yamltext
from ..core.problem import Problem
from ..core.yamlnodes import plain
from . import arguments, change, lane_share
from .errors import Failure
from .invocation import Invocation


def document(call: Invocation) -> Mapping[str, Any]:
    """The new Lane in its normal form. Raises `Failure` with code MR2001 or MR3006."""
    args = call.args
    at = [name.strip() for words in args.at for name in words.split(",") if name.strip()]
    items: List[Dict[str, Any]] = []
    conditions = _conditions(args.when)
    if conditions:
        items.append({"at": at, "when": [conditions]})
    if args.percent is not None or args.sticky or not conditions:
        share: Dict[str, Any] = {"at": at, "percent": lane_share.number(args.percent or 0)}
        items.append(dict(share, sticky=args.sticky) if args.sticky else share)
    lane = {
        "kind": "Lane",
        "namespace": call.namespace,
        "name": args.name,
        "tags": dict(arguments.tags(args.tag)) or {"lane": args.name},
        "enter": items,
        "fallback": _fallback(args.fallback or "baseline"),
    }
    # What people write stands in it word for word: reading it as a document tells what is wrong, and what it means.
    return change.parse(call, documents.render(lane), "lane create")[0].document


def _conditions(words: Optional[Sequence[Sequence[str]]]) -> Dict[str, Dict[str, Any]]:
    """``--when`` as one item: source -> {operator: operand}."""
    found: Dict[str, Dict[str, Any]] = {}
    for source, value in arguments.pairs(words, "--when"):
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
    return plain(found[0].root)
