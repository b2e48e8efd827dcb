"""Outcomes of a test run, read from what the runs wrote, and what differs between runs: pure, but for the reading."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple
from xml.etree import ElementTree as ET

ABSENT = "did not run"
UNFINISHED = "did not end"
STATUS = "(exit status)"
"""The process's exit status among the tests."""


class Run(NamedTuple):
    """One run of a suite. `outcomes`: test -> outcome; `hooks`: hook -> state, where meshrun was in; `status`: of the
    process, None if it had to be ended; `seconds`: how long it took."""

    outcomes: Mapping[str, str]
    texts: Mapping[str, str]
    hooks: Mapping[str, str]
    status: Optional[int]
    seconds: float

    def of(self, test: str) -> str:
        """The outcome of a test, or of the process."""
        return str(self.status) if test == STATUS else self.outcomes.get(test, ABSENT)

    def knows(self, test: str) -> bool:
        """Whether the run says anything of it."""
        return test == STATUS or test in self.outcomes

    def count(self, outcome: str) -> int:
        """How many tests ended so."""
        return sum(1 for found in self.outcomes.values() if found == outcome)


Changes = Mapping[str, Tuple[str, str]]
"""Test -> (bare, under meshrun)."""


class Compared(NamedTuple):
    """`unsteady`: tests whose bare runs differ, left out; `once`: what changed in some runs under meshrun, not in all;
    `known`: what changes by design."""

    unsteady: Sequence[str]
    changed: Changes
    once: Changes
    known: Changes = MappingProxyType({})


def compare(bare: Sequence[Run], under: Run) -> Compared:
    """What a run under meshrun changes; the process's exit status counts as one more test."""
    every = set(under.outcomes).union(*(run.outcomes for run in bare))
    unsteady = sorted(test for test in every if len({run.of(test) for run in bare}) > 1)
    changed = {
        test: (bare[0].of(test), under.of(test))
        for test in sorted(every.difference(unsteady))
        if under.of(test) != bare[0].of(test)
    }
    statuses = {run.status for run in bare}
    if not unsteady and not changed and under.status not in statuses:
        changed[STATUS] = (bare[0].of(STATUS), under.of(STATUS))
    return Compared(unsteady, changed, {})


def settle(found: Compared, bare: Run, under: Run) -> Compared:
    """The same after one more run of each kind: what differs bare is unsteady, what does not come again is named."""
    unsteady = [test for test, (before, _) in found.changed.items() if bare.knows(test) and bare.of(test) != before]
    rest = {test: seen for test, seen in found.changed.items() if test not in unsteady}
    once = {test: seen for test, seen in rest.items() if under.knows(test) and under.of(test) == seen[0]}
    changed = {test: seen for test, seen in rest.items() if test not in once}
    return Compared([*found.unsteady, *unsteady], changed, {**found.once, **once}, found.known)


def without(found: Compared, known: Mapping[str, str]) -> Compared:
    """The same with what is `known` (part of a test's name -> why) apart from what changed."""
    here = {test: seen for test, seen in found.changed.items() if any(part in test for part in known)}
    return found._replace(changed={test: found.changed[test] for test in found.changed if test not in here}, known=here)


def from_lines(path: Path, status: Optional[int], seconds: float) -> Run:
    """Read what the pytest plugin wrote. Each part of a test that says more than "passed" counts."""
    parts: Dict[str, List[str]] = {}
    texts: Dict[str, str] = {}
    hooks: Dict[str, str] = {}
    running: Dict[str, None] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        entry: Dict[str, Any] = json.loads(line)
        hooks.update(entry.get("hooks", {}))
        if "hooks" in entry:
            continue
        test, when = entry["test"], entry["when"]
        if when == "start":
            running[test] = None
        elif when == "end":
            running.pop(test, None)
        else:
            said = entry["outcome"] if when == "call" else "%s at %s" % (entry["outcome"], when)
            parts.setdefault(test, []).append(said)
            texts[test] = texts.get(test, "") + entry["text"]
    for test in running:
        parts.setdefault(test, []).append(UNFINISHED)
    outcomes = {test: ", ".join(sorted(found)) for test, found in parts.items()}
    return Run(outcomes, texts, hooks, status, seconds)


def from_xml(path: Path, status: Optional[int], seconds: float) -> Run:
    """Read the JUnit file of CPython's own test runner."""
    outcomes: Dict[str, str] = {}
    texts: Dict[str, str] = {}
    for case in ET.parse(str(path)).iter("testcase") if path.exists() else ():
        name = case.get("name", "")
        wrong = case.find("failure") if case.find("failure") is not None else case.find("error")
        if wrong is not None:
            outcomes[name] = "failed: " + wrong.get("type", "").rpartition(".")[2]
            texts[name] = "".join(wrong.itertext())
        else:
            outcomes[name] = "skipped" if case.find("skipped") is not None else "passed"
    return Run(outcomes, texts, {}, status, seconds)
