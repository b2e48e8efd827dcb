"""``meshctl rules``: check rule documents, test them, compare them with the store, apply them."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence

from ..core import documents, edit
from ..core.documents import Parsed, RuleError
from ..engines.base import Edit
from . import arguments as arguments_
from . import change, lint, output, rules_test
from .arguments import Subcommand
from .change import Changes
from .errors import FINDING, OK, Failure
from .invocation import Invocation


class Given(NamedTuple):
    """A document that a command was given, with its own text."""

    parsed: Parsed
    text: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    arguments_.group(parser, SUBCOMMANDS)


def run(call: Invocation) -> int:
    """Run the chosen command."""
    return int(call.args.subcommand(call))


def _lint_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", dest="file", metavar="FILE|-|DIR", help="what to check (default: the rules in the store)")


def _apply_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", dest="file", metavar="FILE|-", help="documents to write (default: standard input)")
    parser.add_argument("--dry-run", action="store_true", help="check and say what would change; write nothing")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the history")


def _diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", dest="file", metavar="FILE|-", help="documents to compare (default: standard input)")


def apply(call: Invocation) -> int:
    """Write documents as one revision: all or none. Documents that the store has and the file lacks stay."""
    seen = change.reading(call)
    found = _given(call)
    changes = _changes(found, seen.documents)
    words = "rules apply" + (" -f " + call.args.file if call.args.file not in (None, change.STDIN) else "")
    revision = None
    if changes.edits:
        if call.args.dry_run:
            change.check(change.merged(call, changes))
            if seen.problem:
                call.note("rules in the store are not in force, which must be mended first: " + seen.problem)
        else:
            revision = change.apply(call, changes, seen, words)
    call.shape(changes.shape(revision, dry_run=call.args.dry_run))
    for sign, names in (("created", changes.created), ("changed", changes.changed), ("same", changes.unchanged)):
        call.lines("%-8s %s" % (sign, change.short(call, name)) for name in names)
    call.lines([_outcome(changes, None if revision is None else revision.number)])
    return OK


def _outcome(changes: Changes, revision: Optional[int]) -> str:
    if revision is not None:
        return "applied as revision %d" % revision
    if not changes.edits:
        return "nothing to change: the store holds all of it already"
    return "valid; %s would change (dry run, nothing was written)" % output.count(len(changes.edits), "document")


def diff(call: Invocation) -> int:
    """Compare documents with those of the store; exit status 1 if any differs."""
    seen = change.reading(call)
    changes = _changes(_given(call), seen.documents)
    old = change.texts(call)
    lines: List[str] = []
    for one in changes.edits:
        before, after = old.get(one.identity, ""), one.text or ""
        names = (one.identity + " (store)", one.identity + " (given)")
        lines += difflib.unified_diff(before.strip().splitlines(), after.strip().splitlines(), *names, lineterm="")
    shape = changes.shape(None)
    call.shape({**{name: shape[name] for name in ("created", "changed", "unchanged")}, "diff": "\n".join(lines)})
    call.lines(output.clean(line) if line.isprintable() else output.clean(line.replace("\t", "    ")) for line in lines)
    if not lines:
        call.lines(["no difference in %s" % output.count(len(changes.unchanged), "document")])
    return FINDING if lines else OK


def _given(call: Invocation) -> List[Given]:
    """The given documents, each with its own text. Raises `Failure` with code MR2001, MR2003, MR3003 or MR3006."""
    path = call.args.file
    if path is None:
        if sys.stdin is not None and sys.stdin.isatty():
            raise Failure("MR2001", "no documents were given", mend="Name a file with -f, or -f - for standard input.")
        path = change.STDIN
    try:
        text = documents.decode(change.content(path), path)
    except RuleError as error:
        raise change.invalid(error.problems) from error
    parsed = change.parse(call, text, path)
    try:
        documents.check_set(parsed)
    except RuleError as error:
        # What a document names may be in the store already; only the store's own check of the whole set can tell.
        twice = [problem for problem in error.problems if problem.code == "MR1030"]
        if twice:
            raise change.invalid(twice) from error
    if not parsed:
        raise Failure("MR3003", "there is no document in %s" % path, mend="docs/rules.md shows what they look like.")
    return [Given(one, edit.alone(text, one)) for one in parsed]


def _changes(found: Sequence[Given], known: Mapping[str, Mapping[str, Any]]) -> Changes:
    """What differs from the documents of the store. Equal content is no change."""
    created: List[str] = []
    changed: List[str] = []
    unchanged: List[str] = []
    edits: List[Edit] = []
    for one, text in found:
        before = known.get(one.identity)
        if before == one.document:
            unchanged.append(one.identity)
            continue
        (created if before is None else changed).append(one.identity)
        edits.append(Edit(one.identity, text))
    return Changes(edits, created, changed, (), unchanged)


SUBCOMMANDS = (
    Subcommand("lint", "check documents and name every problem", _lint_arguments, lint.run),
    Subcommand("apply", "write documents into the store as one revision", _apply_arguments, apply),
    Subcommand("test", "run cases of calls and compare what becomes of them", rules_test.arguments, rules_test.run),
    Subcommand("diff", "compare documents with those in the store", _diff_arguments, diff),
)
