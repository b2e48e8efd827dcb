"""A pytest plugin that writes what becomes of each test, a JSON line each, as soon as it is known.

It is the only file of its folder, which stands on the PYTHONPATH of every run that is compared, bare or not; the
environment variable `FILE` names where the lines go. It knows nothing of meshrun but how to ask, at the end, which
hooks were in.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

FILE = "PROOF_OUTCOMES"
MAX_TEXT = 4000
"""Characters of a failure that are kept for people to read."""


class Writer:
    """Writes to the file that is named when the run begins; a test may change the environment later."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pid = os.getpid()

    def write(self, **fields: Any) -> None:
        """One line, whole, also when several processes write; none from a fork that a test made."""
        if os.getpid() == self._pid:
            with open(self._path, "a", encoding="utf-8") as out:  # noqa: PTH123 - works on any Python without an import
                out.write(json.dumps(fields) + "\n")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test that starts and never ends hung, or took the interpreter with it."""
        self.write(test=nodeid, when="start")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Set-up, call and tear-down of a test."""
        if report.when == "call" or report.outcome != "passed":
            self.write(test=report.nodeid, when=report.when, outcome=outcome(report), text=failure(report))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """It ended."""
        self.write(test=nodeid, when="end")

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be imported holds tests that never run."""
        if report.outcome != "passed":
            self.write(test=report.nodeid, when="collect", outcome=outcome(report), text=failure(report))

    def pytest_sessionfinish(self) -> None:
        """Which hooks were in the process that ran the tests."""
        applied = getattr(sys.modules.get("meshrun._applied"), "states", None)
        if applied is not None:
            self.write(hooks={name: state for name, state in applied.items() if state != "waiting"})


def pytest_configure(config: Any) -> None:
    """Write from the process that hears of all tests: not from the workers of pytest-xdist."""
    path = os.environ.get(FILE, "")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Writer(path), "meshrun-outcomes-writer")


def outcome(report: Any) -> str:
    """``passed``, ``skipped``, ``xfailed``, ``xpassed`` or ``failed`` with the type of the exception."""
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.outcome == "skipped" else "xpassed"
    if report.outcome != "failed":
        return str(report.outcome)
    crash = getattr(report.longrepr, "reprcrash", None)
    said = getattr(crash, "message", "") or str(report.longrepr)
    kind = re.match(r"[A-Za-z_][\w.]*", said)
    return "failed: " + (kind.group() if kind else said[:40])


def failure(report: Any) -> str:
    """The end of a failure's text."""
    return str(report.longreprtext)[-MAX_TEXT:] if report.outcome == "failed" else ""
