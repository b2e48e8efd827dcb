"""The numbers that keep modules readable, and what must not stand in the repository."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from pathlib import Path
from typing import List

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("agent", "hooks", "sitecustomize")
LONGEST_MODULE, LONGEST_FUNCTION, MEDIAN_MODULE = 400, 60, 150  # lines


def _tracked() -> List[Path]:
    """The files of the repository: those that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=str(ROOT), capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _modules(*folders: str) -> List[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_modules_are_short() -> None:
    sizes = {path: _lines(path) for path in _modules(*SHIPPED)}

    assert [str(path.relative_to(ROOT)) for path, size in sizes.items() if size > LONGEST_MODULE] == []
    assert statistics.median(sizes.values()) <= MEDIAN_MODULE


def test_functions_are_short() -> None:
    long = []
    for path in _modules(*SHIPPED, "tests", "benchmarks", "examples"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno is not None:
                size = node.end_lineno - node.lineno + 1
                if size > LONGEST_FUNCTION:
                    long.append("%s:%d %s: %d lines" % (path.relative_to(ROOT), node.lineno, node.name, size))

    assert long == []


def test_a_broad_except_stands_only_in_a_guard() -> None:
    broad = []
    for path in _modules("agent", "hooks"):
        if "guard" in path.stem:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else set()
                if not node.type or caught & {"Exception", "BaseException"}:
                    broad.append("%s:%d" % (path.relative_to(ROOT), node.lineno))

    assert broad == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in _modules(*SHIPPED)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert silent == []


def test_every_exception_from_a_lint_rule_gives_its_reason() -> None:
    inline = re.compile(r"#\s*noqa(?!: [A-Z0-9, ]+ --? \S)")
    bare = [
        "%s:%d" % (path.relative_to(ROOT), number)
        for path in _modules(*SHIPPED)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if inline.search(line)
    ]
    rules = [
        "ruff.toml: " + line
        for line in (ROOT / "ruff.toml").read_text(encoding="utf-8").splitlines()
        if re.match(r'    "[A-Z]', line) and "# " not in line
    ]

    assert bare + rules == []


def test_no_work_is_left_lying_and_no_machine_is_named() -> None:
    left = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    machine = re.compile(r"(?<![\w.$/-])/(?:home|root|Users|work)/[\w.-]+")
    found = []
    for path in _tracked():
        if path.suffix in (".png", ".gz", ".svg") or "tests" in path.relative_to(ROOT).parts:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if left.search(line) or machine.search(line):
                found.append("%s:%d: %s" % (path.relative_to(ROOT), number, line.strip()[:80]))

    assert found == []
