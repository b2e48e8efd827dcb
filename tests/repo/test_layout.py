"""Folders, and which way imports point: what makes it possible to change one part without reading the others."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
AGENT, HOOKS, BOOT_FOLDER = ROOT / "agent" / "meshrun", ROOT / "hooks" / "meshrun_hooks", ROOT / "sitecustomize"

MAY_IMPORT: Dict[str, FrozenSet[str]] = {
    "core": frozenset({"core"}),
    "wire": frozenset({"core", "wire"}),
    "engines": frozenset({"core", "engines"}),
    "telemetry": frozenset({"core", "telemetry"}),
    "lifecycle": frozenset({"core", "engines", "telemetry", "lifecycle"}),
    "runtime": frozenset({"core", "wire", "engines", "telemetry", "lifecycle", "runtime"}),
    "hook.py": frozenset({"runtime"}),
    "boot": frozenset({"boot", "runtime"}),
    "cli": frozenset({"core", "wire", "engines", "boot", "cli"}),
    "console": frozenset({"core", "wire", "engines", "console"}),
    "inject": frozenset({"core", "wire", "engines", "inject"}),
}
"""Part of the agent -> parts that it may import. Modules with a leading underscore are everybody's."""

IMPURE = frozenset(
    ("asyncio", "concurrent", "fcntl", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random")
).union(("secrets", "select", "shutil", "signal", "socket", "subprocess", "tempfile", "threading", "time"))
"""What pure decisions do without: input, output, threads, clock, chance."""

NEEDED = {"yaml", "wrapt"}
"""What is installed with us, and all that may be imported beyond the standard library (hooks: their libraries)."""


class Import(NamedTuple):
    """One imported name."""

    file: Path
    line: int
    name: str  # dotted, relative ones resolved
    late: bool  # inside a function

    def __str__(self) -> str:
        return "%s:%d imports %s" % (self.file.relative_to(ROOT), self.line, self.name)


def imports(file: Path) -> Iterator[Import]:
    """Every import of a file."""
    base = next((folder for folder in (AGENT.parent, HOOKS.parent) if folder in file.parents), file.parent)
    package = file.relative_to(base).parts[:-1]
    for node, late in _nodes(ast.parse(file.read_text(encoding="utf-8")), late=False):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, late)
        elif isinstance(node, ast.ImportFrom):
            stem: Tuple[str, ...] = package[: len(package) - node.level + 1] if node.level else ()
            stem += tuple((node.module or "").split(".")) if node.module else ()
            for alias in node.names:
                yield Import(file, node.lineno, ".".join((*stem, alias.name)), late)


def _nodes(tree: ast.AST, *, late: bool) -> Iterator[Tuple[ast.AST, bool]]:
    for node in ast.iter_child_nodes(tree):
        yield node, late
        yield from _nodes(node, late=late or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))


def sources(*folders: Path) -> List[Path]:
    """The Python files of folders."""
    found = sorted(path for folder in folders for path in folder.rglob("*.py"))
    assert found
    return found


def _part(name: str) -> str:
    """``meshrun.core.model`` -> ``core``; ``meshrun.hook`` -> ``hook.py``."""
    part = name.partition(".")[2].partition(".")[0]
    return part + ".py" if (AGENT / (part + ".py")).is_file() else part


def test_every_folder_of_the_agent_has_a_place_in_the_design() -> None:
    folders = {path.name for path in AGENT.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert folders <= set(MAY_IMPORT)


def test_imports_inside_the_agent_point_one_way() -> None:
    wrong = []
    for file in sources(AGENT):
        part = file.relative_to(AGENT).parts[0]
        for found in imports(file):
            target = _part(found.name)
            ours = found.name.partition(".")[0] == "meshrun" and target
            if part in MAY_IMPORT and ours and not target.startswith("_") and target not in MAY_IMPORT[part]:
                wrong.append(str(found))
            if found.name.partition(".")[0] == "meshrun_hooks":
                wrong.append(str(found))

    assert wrong == []


def test_boot_imports_the_runtime_only_when_it_is_needed() -> None:
    wrong = [
        str(i) for file in sources(AGENT / "boot") for i in imports(file) if _part(i.name) == "runtime" and not i.late
    ]

    assert wrong == []


def test_hooks_import_the_hook_api_and_nothing_else_of_ours() -> None:
    wrong = [
        str(found)
        for file in sources(HOOKS)
        for found in imports(file)
        if found.name.partition(".")[0] == "meshrun" and not (found.name + ".").startswith("meshrun.hook.")
    ]

    assert wrong == []


def test_core_decides_and_does_nothing_else() -> None:
    wrong = [str(i) for file in sources(AGENT / "core") for i in imports(file) if i.name.partition(".")[0] in IMPURE]

    assert wrong == []


def test_the_agent_needs_no_library_but_the_two_that_are_installed_with_it() -> None:
    known = _standard_library() | NEEDED | {"meshrun", "meshrun_hooks"}
    wrong = [
        str(i) for file in sources(AGENT, BOOT_FOLDER) for i in imports(file) if i.name.partition(".")[0] not in known
    ]

    assert wrong == []


def test_what_a_program_loads_imports_no_library_by_itself() -> None:
    """``yaml`` costs 20 ms and ``wrapt`` up to 100 ms: whoever needs one imports it there and then. A hook file is
    imported while its library is; what it needs from there it imports in `patch`."""
    parts = ("boot", "engines", "lifecycle", "runtime", "telemetry", "wire")
    files = [AGENT / "hook.py", *sources(*(AGENT / part for part in parts)), *(_hook_file(name) for name in _table())]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts[1:]).replace(".__init__", "") for file in files]
    names = [name for name in names if not name.endswith("__main__")]
    libraries = NEEDED | {trigger.partition(".")[0] for trigger in _table()} - _standard_library()
    code = "import sys\nfor name in %r:\n    __import__(name)\nprint(sorted(set(sys.modules) & %r))" % (
        names,
        libraries,
    )
    path = "%s:%s" % (AGENT.parent, HOOKS.parent)
    ran = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False
    )

    assert (ran.stdout, ran.stderr) == ("[]\n", "")


def _table() -> Dict[str, str]:
    """Trigger -> hook file, read as text."""
    tree = ast.parse((HOOKS / "__init__.py").read_text(encoding="utf-8"))
    tables = [node.value for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value]
    found: Dict[str, str] = ast.literal_eval(tables[0])
    return found


def _hook_file(trigger: str) -> Path:
    name = _table()[trigger]
    return HOOKS / name / "__init__.py" if (HOOKS / name).is_dir() else HOOKS / (name + ".py")


def _standard_library() -> set[str]:
    if sys.version_info >= (3, 10):
        return {*sys.stdlib_module_names, "distutils"}
    pytest.skip("this Python does not list its standard library")
    raise AssertionError


def test_the_boot_folder_holds_its_file_and_nothing_else() -> None:
    assert [path.name for path in BOOT_FOLDER.iterdir() if path.name != "__pycache__"] == ["sitecustomize.py"]


def test_agent_and_hooks_are_folders_and_no_packages() -> None:
    for folder in (AGENT.parent, HOOKS.parent):
        assert not (folder / "__init__.py").exists()
        packages = {path.name for path in folder.iterdir() if not re.search(r"__pycache__|egg-info", path.name)}
        assert packages == {"meshrun" if folder == AGENT.parent else "meshrun_hooks"}


def test_every_hook_file_has_a_line_in_the_table_and_every_line_its_file() -> None:
    named = set(_table().values())
    there = {
        path.stem
        for path in HOOKS.iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").is_file())
    }

    assert named == there


def test_the_table_of_hooks_is_data_only() -> None:
    tree = ast.parse((HOOKS / "__init__.py").read_text(encoding="utf-8"))

    assert not [
        node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom, ast.Call, ast.FunctionDef))
    ]
