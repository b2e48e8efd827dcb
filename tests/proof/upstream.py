"""Runs a library's own tests bare, bare again, and under meshrun, and says which outcomes changed: docs/proof.md.

``python -m tests.proof.upstream NAME…``, or ``--python … --folder … -- ARGUMENTS`` for tests that no recipe names.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from tests.compat.environments import ROOT, Unavailable

from . import passes, suites
from .outcomes import Compared, Run, compare, settle, without
from .recipes import RECIPES

RESULTS = ROOT / "build" / "proof" / "results"
OK, CHANGED, UNAVAILABLE = 0, 1, 3


class Verdict(NamedTuple):
    """What became of one suite. `under`: pass -> run and comparison; `problem`: why the runs prove nothing, or ""."""

    name: str
    bare: Sequence[Run]
    under: Mapping[str, Tuple[Run, Compared]]
    problem: str

    @property
    def code(self) -> int:
        """The exit status that it asks for."""
        if not self.bare:
            return UNAVAILABLE
        return CHANGED if self.problem or any(found.changed for _, found in self.under.values()) else OK


def main(words: Sequence[str]) -> int:
    """0: no outcome changed; 1: some did, or a suite proves nothing; 2: usage; 3: a suite cannot be had here."""
    asked, rest = _arguments(words)
    # A shell starts its background jobs with Ctrl-C ignored; the tests of servers send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mr-") as scratch:
        if asked.folder:
            folder = Path(asked.folder).resolve()
            verdicts = [check(suites.own(folder, asked.python, tuple(rest)))]
        else:
            names = asked.name or [recipe.name for recipe in RECIPES.values() if recipe.ci or not asked.ci]
            with ThreadPoolExecutor(asked.jobs) as pool:
                verdicts = list(pool.map(lambda name: _named(name, asked.python, Path(scratch)), names))
    sys.stdout.write(table(verdicts) + "\n")
    return max(verdict.code for verdict in verdicts)


def _arguments(words: Sequence[str]) -> Tuple[Any, Sequence[str]]:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.upstream", description=__doc__)
    parser.add_argument("name", nargs="*", help="libraries: %s" % ", ".join(RECIPES))
    parser.add_argument("--ci", action="store_true", help="the libraries that .ci/run runs; without names: all")
    parser.add_argument("--jobs", type=int, default=1, help="suites at a time (default 1)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the tests, or their environment's")
    parser.add_argument("--folder", help="run tests that lie there, with the environment of --python as it is")
    own = list(words)
    mark = own.index("--") if "--" in own else len(own)
    asked = parser.parse_args(own[:mark])
    unknown = sorted(set(asked.name).difference(RECIPES))
    if unknown:
        parser.error("no recipe for %s; give --python and --folder" % ", ".join(unknown))
    if not (asked.name or asked.ci or asked.folder):
        parser.error("name a library, --ci, or --python and --folder")
    return asked, own[mark + 1 :]


def _named(name: str, python: str, scratch: Path) -> Verdict:
    try:
        return check(suites.suite(RECIPES[name], python, scratch))
    except Unavailable as error:
        return Verdict(name, (), {}, str(error))


def check(suite: suites.Suite) -> Verdict:
    """Run the passes of one suite and compare them."""
    logs = RESULTS / suite.name
    logs.mkdir(parents=True, exist_ok=True)
    environ = passes.environ((suites.PLUGIN,))
    bare = [suites.run(suite, environ, logs / ("bare-%d.log" % number)) for number in (1, 2)]
    _said(suite.name, "bare", bare[0], "%d tests" % len(bare[0].outcomes))
    problem = _proves_nothing(suite, bare[0])
    under: Dict[str, Tuple[Run, Compared]] = {}
    for name in () if problem else (passes.PLAIN, passes.LANE):
        with tempfile.TemporaryDirectory(prefix="mr-") as place:
            inside = passes.under(environ, passes.settings(name, Path(place)))
            run = suites.run(suite, inside, logs / (name + ".log"))
            found = without(compare(bare, run), suite.coloured if name == passes.LANE else {})
            for more in ("again", "third"):  # on a crowded machine a test may fail for that alone
                if found.changed:
                    both = ((environ, "bare"), (inside, name))
                    found = settle(found, *(suites.run(suite, e, logs / ("%s-%s.log" % (n, more))) for e, n in both))
        under[name] = (run, found)
        _said(suite.name, name, run, "%d unsteady, %d changed" % (len(found.unsteady), len(found.changed)))
    verdict = Verdict(suite.name, bare, under, problem)
    (logs / "result.json").write_text(json.dumps(_plain(verdict), indent=1), encoding="utf-8")
    return verdict


def _proves_nothing(suite: suites.Suite, bare: Run) -> str:
    passed = bare.count("passed")
    if passed >= suite.least and bare.status is not None:
        return ""
    ended = "ended with status %s" % bare.status if bare.status is not None else "did not end"
    return "bare, %d tests pass, of at least %d; the run %s" % (passed, suite.least, ended)


def _said(suite: str, name: str, run: Run, what: str) -> None:
    sys.stdout.write("%s, %s: %s in %.0f s\n" % (suite, name, what, run.seconds))
    sys.stdout.flush()


def _plain(verdict: Verdict) -> Mapping[str, Any]:
    """For a file."""
    return {
        "tests": len(verdict.bare[0].outcomes),
        "problem": verdict.problem,
        "passes": {
            name: {
                "unsteady": list(found.unsteady),
                "once": dict(found.once),
                "known": dict(found.known),
                "changed": {
                    test: {"bare": seen[0], "meshrun": seen[1], "text": run.texts.get(test, "")}
                    for test, seen in found.changed.items()
                },
                "hooks": dict(run.hooks),
            }
            for name, (run, found) in verdict.under.items()
        },
    }


def table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts for people: a line per suite, then everything that has a name."""
    rows: List[Tuple[str, ...]] = [("library", "tests", "unsteady", "changed", "with a lane", "hooks that were in")]
    notes: List[str] = []
    for verdict in verdicts:
        if verdict.problem:
            notes.append("%s: %s" % (verdict.name, verdict.problem))
        if verdict.under:
            rows.append(_row(verdict))
        for name, (_, found) in verdict.under.items():
            about = "%s, %s: " % (verdict.name, name)
            notes += [about + "left out, bare runs differ: " + test for test in found.unsteady]
            notes += [about + "once, not again: %s: %s -> %s" % (test, *seen) for test, seen in found.once.items()]
            notes += [about + "by design: %s: %s -> %s" % (test, *seen) for test, seen in found.known.items()]
            notes += [about + "CHANGED: %s: %s -> %s" % (test, *seen) for test, seen in found.changed.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join(["", *lines, "", *notes]).rstrip()


def _row(verdict: Verdict) -> Tuple[str, ...]:
    plain, lane = verdict.under[passes.PLAIN], verdict.under[passes.LANE]
    applied = sorted(
        {hook for run, _ in verdict.under.values() for hook, state in run.hooks.items() if state == "applied"}
    )
    numbers = (len(verdict.bare[0].outcomes), len(plain[1].unsteady), len(plain[1].changed), len(lane[1].changed))
    return (verdict.name, *map(str, numbers), ", ".join(applied) or "not asked")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
