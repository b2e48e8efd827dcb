"""``meshctl rules test``: cases of calls, decided by the function that decides live calls."""

from __future__ import annotations

import argparse
import random
import time
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Set

from ..core import compile as compiling
from ..core import explain as explaining
from ..core.explain import Explanation
from ..core.index import Index, Snapshot
from ..core.route import Local
from . import change, lint, output, rules_cases, store
from .errors import FINDING, OK, Failure
from .invocation import Invocation
from .rules_cases import NOWHERE, Case, Cases

DRAWS = (*(number / 20 for number in range(20)), 0.9999)
"""The numbers that stand for all, where a case names none."""


class Mesh(NamedTuple):
    """What the cases are decided on."""

    snapshot: Snapshot
    documents: Mapping[str, Mapping[str, Any]]
    time: float
    problem: Optional[str]  # why the rules in the store are not in force; the last good ones are


class Outcome(NamedTuple):
    """One case and what became of it: of several draws, the first that went wrong."""

    case: Case
    passed: bool
    draw: Optional[float]
    got: Mapping[str, Any]
    found: Explanation


def arguments(parser: argparse.ArgumentParser) -> None:
    """The cases, and where rules come from."""
    parser.add_argument("file", metavar="FILE|-", help="the cases; docs/operating.md has an example")
    parser.add_argument("--rules", metavar="FILE|-|DIR", help="the rules (default: those in the store)")


def run(call: Invocation) -> int:
    """Run every case; exit status 1 if one fails. Neither rules nor instances are read where the files give them."""
    if call.args.file == call.args.rules == change.STDIN:
        mend = "Name a file for one of them."
        raise Failure("MR2001", "standard input cannot hold both the cases and the rules", mend=mend)
    cases = rules_cases.read(call, call.args.file)
    mesh = _mesh(call, cases)
    reached: Set[str] = set()
    outcomes = [_outcome(call, mesh, cases, case, reached) for case in cases.cases]
    missed = [name for name in _rules_of(mesh, cases.namespace) if name not in reached]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    call.shape(
        {
            "cases": [_shape(outcome) for outcome in outcomes],
            "failed": len(failed),
            "not_reached": missed,
        }
    )
    for outcome in outcomes:
        call.lines(_lines(call, cases, outcome))
    total = "%s, %s" % (output.count(len(outcomes), "case"), "%d failed" % len(failed) if failed else "all as expected")
    call.lines([*([""] if failed else []), total])
    if not mesh.documents:
        where = "%s holds no rules" % call.args.rules
        said = where if call.args.rules is not None else "there are no rules in the store; --rules names others"
        call.lines(output.paragraph(said, call.screen, "note  "))
    if mesh.problem:
        said = "run on the last good rules; those in the store are not in force: " + mesh.problem
        call.lines(output.paragraph(said, call.screen, "note  "))
    if missed:
        call.lines(output.paragraph("no case reaches " + output.listed(missed), call.screen, "note  "))
    return FINDING if failed else OK


def _mesh(call: Invocation, cases: Cases) -> Mesh:
    """Rules and instances, from the files or the store."""
    named = call.args.rules is not None
    contents = None if named and cases.instances is not None else store.read(call)
    known = _documents(call, call.args.rules) if contents is None or named else contents.reading.documents
    rules = compiling.build(known, 0) if contents is None or named else contents.rules
    members = cases.instances if cases.instances is not None or contents is None else contents.members.instances
    problem = None if contents is None or named else contents.reading.problem
    return Mesh(Snapshot(rules, members or {}), known, time.time() if cases.time is None else cases.time, problem)


def _documents(call: Invocation, path: str) -> Mapping[str, Mapping[str, Any]]:
    """The documents of a file or folder. Raises `Failure` with code MR3006."""
    parsed, problems = lint.read(lint.sources(call, path), call.namespace)
    if problems:
        raise change.invalid(problems, "no case was run")
    return {one.identity: one.document for one in parsed}


def _outcome(call: Invocation, mesh: Mesh, cases: Cases, case: Case, reached: Set[str]) -> Outcome:
    """Decide a case; one without a draw for all of them, until one goes wrong."""
    drawn = case.call.get("draw")
    index = Index(mesh.snapshot)
    for draw in DRAWS if drawn is None else (drawn,):
        try:
            question = explaining.read(dict(case.call, draw=draw), cases.namespace)
        except explaining.QuestionError as error:
            what = "%s:%d: the call of %r cannot be read" % (cases.file, case.line, case.name)
            raise Failure("MR3007", what, str(error)) from None
        found = explaining.explain(index, question, cases.namespace, Local(), mesh.time, random.random)
        reached.update(name for name, matched, _ in found.rules if matched)
        got = _got(call, mesh, found)
        if not all(_same(name, wanted, got) for name, wanted in case.expect.items()):
            return Outcome(case, passed=False, draw=draw, got=got, found=found)
    return Outcome(case, passed=True, draw=drawn, got=got, found=found)


def _got(call: Invocation, mesh: Mesh, found: Explanation) -> Dict[str, Any]:
    """What became of the call, in the words of `expect`."""
    members, rules = mesh.snapshot.instances.get(found.service or "", ()), mesh.snapshot.rules
    chosen = next((one for one in members if one.endpoint == found.chosen), None)
    lane = None
    if chosen is not None:
        lane = store.lane_name(store.routing(chosen, rules), store.namespace(chosen.service), rules)
    return {
        "reason": found.reason,
        "service": None if found.service is None else call.name(found.service),
        "lane": lane,
        "tags": {} if chosen is None else dict(chosen.tags),
        "address": found.chosen or NOWHERE,
        "colour": dict(found.colour),
        "refused": found.refused,
    }


def _same(name: str, wanted: Any, got: Mapping[str, Any]) -> bool:
    if name == "tags":
        return all(got["tags"].get(key) == value for key, value in wanted.items())
    return bool(wanted == (NOWHERE if got[name] is None else got[name]))


def _rules_of(mesh: Mesh, namespace: str) -> Iterator[str]:
    """The names, as an explanation says them, of the rules of a namespace that a case may reach."""
    for document in mesh.documents.values():
        if document["namespace"] == namespace and document["kind"] == "Lane":
            for number in range(len(document.get("enter") or ())):
                yield "Lane %s enter[%d]" % (document["name"], number)
        if document["namespace"] == namespace and document["kind"] == "Route":
            for number in range(len(document["rules"])):
                yield "Route %s rules[%d]" % (document["name"], number)


def _shape(outcome: Outcome) -> Mapping[str, Any]:
    case = outcome.case
    return {
        "name": case.name,
        "line": case.line,
        "passed": outcome.passed,
        "draw": outcome.draw,
        "expected": dict(case.expect),
        "got": dict(outcome.got),
    }


def _lines(call: Invocation, cases: Cases, outcome: Outcome) -> List[str]:
    """A case for people: one line, or both sides where it failed."""
    screen, case = call.screen, outcome.case
    if outcome.passed:
        lines = output.paragraph(case.name, screen, "ok    ")
        lines[0] = screen.style("ok", "green") + lines[0][2:]
        return lines
    lines = output.paragraph("%s (%s:%d, MR3008)" % (case.name, cases.file, case.line), screen, "FAIL  ")
    lines[0] = screen.style("FAIL", "red") + lines[0][4:]
    differing = [name for name, wanted in case.expect.items() if not _same(name, wanted, outcome.got)]
    lines += output.paragraph(_said(case.expect, list(case.expect)), screen, "      expected  ")
    lines += output.paragraph(_said(outcome.got, differing + _more(differing)), screen, "      got       ")
    if outcome.draw is not None:
        drawn = "" if "draw" in case.call else " (the case names none, so every one must do)"
        lines += output.paragraph(output.number(outcome.draw) + drawn, screen, "      draw      ")
    for name, matched, why in outcome.found.rules:
        lines += output.paragraph("%s %s: %s" % (name, "holds" if matched else "no", why), screen, "      rule      ")
    return lines


def _more(differing: List[str]) -> List[str]:
    """What is said beside what differs, so that one sees where the call went."""
    return [name for name in ("reason", "lane", "address") if name not in differing]


def _said(values: Mapping[str, Any], names: List[str]) -> str:
    return ", ".join("%s %s" % (name, _word(values[name])) for name in names)


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return output.pairs(value) if value else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
