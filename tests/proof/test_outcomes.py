"""The comparison of test runs: what counts as changed, what is left out, and that nothing is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict

from .outcomes import ABSENT, Run, compare, from_lines, from_xml, settle, without


def run(status: int = 0, **outcomes: str) -> Run:
    return Run(outcomes, {}, {}, status, 1.0)


def test_the_same_outcomes_are_no_change() -> None:
    bare = run(a="passed", b="failed: ValueError")
    assert not any(compare([bare, bare], bare))


def test_a_test_whose_bare_runs_differ_is_named_and_left_out() -> None:
    found = compare([run(a="passed", b="passed"), run(a="failed: OSError", b="passed")], run(a="xpassed", b="passed"))
    assert found.unsteady == ["a"]
    assert not found.changed


def test_another_exception_is_a_change() -> None:
    bare = run(a="failed: ValueError")
    assert compare([bare, bare], run(a="failed: TypeError")).changed == {
        "a": ("failed: ValueError", "failed: TypeError")
    }


def test_a_test_that_vanishes_or_appears_is_a_change() -> None:
    bare = run(a="passed")
    changed: Dict[str, object] = {"a": ("passed", ABSENT), "b": (ABSENT, "passed")}
    assert compare([bare, bare], run(b="passed")).changed == changed


def test_an_exit_status_of_its_own_is_a_change() -> None:
    bare = run(0, a="passed")
    assert compare([bare, bare], run(1, a="passed")).changed == {"(exit status)": ("0", "1")}


def test_what_differs_in_a_third_bare_run_is_unsteady_and_what_does_not_come_again_is_named() -> None:
    bare = run(always="passed", sometimes="passed", crowded="passed")
    first = run(always="failed: A", sometimes="failed: A", crowded="failed: A")
    found = compare([bare, bare], first)
    again = run(always="failed: A", sometimes="failed: A", crowded="passed")
    settled = settle(found, run(always="passed", sometimes="failed: A", crowded="passed"), again)
    assert list(settled.changed) == ["always"]
    assert list(settled.unsteady) == ["sometimes"]
    assert list(settled.once) == ["crowded"]


def test_what_came_once_is_named_after_a_further_run_too_and_so_is_a_status() -> None:
    bare = run(a="passed", b="passed")
    found = settle(compare([bare, bare], run(a="failed: A", b="failed: B")), bare, run(a="passed", b="failed: B"))
    assert list(settle(found, bare, bare).once) == ["a", "b"]
    ended = compare([bare, bare], run(-11, a="passed", b="passed"))
    assert list(settle(ended, bare, run(-11, a="passed", b="passed")).changed) == ["(exit status)"]
    assert list(settle(ended, bare, bare).once) == ["(exit status)"]


def test_what_is_known_stands_apart_from_what_changed() -> None:
    bare = run(a="passed", b="passed")
    found = without(compare([bare, bare], run(a="failed: A", b="failed: B")), {"a": "why"})
    assert list(found.known) == ["a"]
    assert list(found.changed) == ["b"]


def test_lines_of_the_plugin_become_outcomes_and_a_test_that_never_ends_is_one(tmp_path: Path) -> None:
    entries = [
        {"test": "a", "when": "start"},
        {"test": "a", "when": "call", "outcome": "passed", "text": ""},
        {"test": "a", "when": "teardown", "outcome": "failed: OSError", "text": "why"},
        {"test": "a", "when": "end"},
        {"hooks": {"urllib3": "applied"}},
        {"test": "b", "when": "start"},
    ]
    path = tmp_path / "out"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    found = from_lines(path, None, 1.0)
    assert found.outcomes == {"a": "failed: OSError at teardown, passed", "b": "did not end"}
    assert found.texts == {"a": "why"}
    assert found.hooks == {"urllib3": "applied"}


def test_a_run_that_wrote_nothing_has_no_outcomes(tmp_path: Path) -> None:
    assert not from_lines(tmp_path / "none", -11, 1.0).outcomes
    assert not from_xml(tmp_path / "none", -11, 1.0).outcomes


def test_the_report_of_python_s_own_runner_becomes_outcomes(tmp_path: Path) -> None:
    path = tmp_path / "out"
    cases = '<testcase name="a"/><testcase name="b"><skipped>why</skipped></testcase>'
    wrong = '<testcase name="c"><error type="builtins.OSError">text</error></testcase>'
    path.write_text("<testsuites><testsuite>%s%s</testsuite></testsuites>" % (cases, wrong), encoding="utf-8")
    assert from_xml(path, 0, 1.0).outcomes == {"a": "passed", "b": "skipped", "c": "failed: OSError"}
