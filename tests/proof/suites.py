"""Makes a library's own tests ready to run: an environment with the library, its tests out of its distribution."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import MappingProxyType
from typing import Callable, DefaultDict, List, Mapping, NamedTuple, Optional, Tuple

from tests.compat.environments import ROOT, Unavailable, environment, from_index

from .outcomes import Run, from_lines, from_xml
from .recipes import RECIPES, Recipe

PLUGIN = ROOT / "tests" / "proof" / "plugin"
FILE = "PROOF_OUTCOMES"
DISTRIBUTIONS = ROOT / "build" / "proof" / "sdists"
_PORTS: DefaultDict[int, threading.Lock] = defaultdict(threading.Lock)
"""Held while the tests of a suite with that port run."""


class Suite(NamedTuple):
    """Tests that can be run. `python`: the interpreter; `folder`: the working directory; `arguments`: for pytest,
    or for CPython's own runner where `regrtest`; `port`: nobody else with the same one runs meanwhile, 0: none."""

    name: str
    python: str
    folder: Path
    arguments: Tuple[str, ...]
    least: int
    minutes: float
    regrtest: bool = False
    port: int = 0
    coloured: Mapping[str, str] = MappingProxyType({})

    def command(self, out: Path) -> List[str]:
        """The command line. CPython's runner writes its report to `out`; pytest's plugin hears of it by a variable."""
        if self.regrtest:
            return [self.python, "-m", "test", "--junit-xml", str(out), *self.arguments]
        # The console script does not put the working directory on the path, as `-m pytest` does.
        script = Path(self.python).with_name("pytest")
        pytest = [str(script)] if script.exists() else [self.python, "-m", "pytest"]
        return [*pytest, "-q", "-p", "meshrun_outcomes", "-p", "no:cacheprovider", *self.arguments]


def suite(recipe: Recipe, python: str, scratch: Path) -> Suite:
    """The tests of a recipe, made ready in `scratch`. Raises `Unavailable`."""
    folder = scratch / recipe.name
    tests = tuple(recipe.tests.split())
    if not recipe.packages:
        if subprocess.call([python, "-c", "import test.libregrtest"], stderr=subprocess.DEVNULL):
            raise Unavailable("%s was installed without its own tests" % python)
        folder.mkdir()
        return Suite(recipe.name, python, folder, tests, recipe.least, recipe.minutes, regrtest=True)
    made = _environment(recipe, python)
    if recipe.shipped:
        folder.mkdir()
        tests = ("--pyargs", *tests)
    else:
        _unpack(_distribution(made, recipe.packages.split()[0]), folder)
        if recipe.away:
            shutil.rmtree(str(folder / recipe.away))
    arguments = (*recipe.arguments, *tests)
    return Suite(
        recipe.name, made, folder, arguments, recipe.least, recipe.minutes, port=recipe.port, coloured=recipe.coloured
    )  # fmt: skip


def _environment(recipe: Recipe, python: str) -> str:
    """Those that run together share one: making it takes as long as most of the suites."""
    if not recipe.ci:
        return environment("proof-" + recipe.name, python, recipe.packages.split())
    together = [package for one in RECIPES.values() if one.ci for package in one.packages.split()]
    return environment("proof", python, sorted(set(together)))


def own(folder: Path, python: str, arguments: Tuple[str, ...]) -> Suite:
    """Tests that lie in a folder, run by pytest of the environment of `python`; nothing is installed there."""
    return Suite(folder.name, str(Path(python).absolute()), folder, arguments, 1, 60.0)


def _distribution(python: str, package: str) -> Path:
    """The source distribution, from the package index once."""
    kept = DISTRIBUTIONS / package
    found = sorted(kept.glob("*.tar.gz"))
    if not found:
        kept.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\[.*\]", "", package)
        where = ["--no-deps", "--no-binary", ":all:", "--dest", str(kept)]
        from_index([python, "-m", "pip", "download", *where, name])
        found = sorted(kept.glob("*.tar.gz"))
        if not found:
            raise Unavailable("no source distribution of " + package)
    return found[0]


def _unpack(archive: Path, folder: Path) -> None:
    """Its one folder becomes `folder`."""
    place = folder.with_name(folder.name + "-unpacked")
    with tarfile.open(str(archive)) as members:
        if sys.version_info >= (3, 12):
            members.extractall(str(place), filter="data")
        else:
            members.extractall(str(place))
    (only,) = place.iterdir()
    only.rename(folder)
    place.rmdir()


def run(suite: Suite, environ: Mapping[str, str], log: Path) -> Run:
    """Run the tests once; what they print goes to `log`. They are ended after `suite.minutes`."""
    with _PORTS[suite.port] if suite.port else contextlib.nullcontext():
        return _run(suite, environ, log)


def _run(suite: Suite, environ: Mapping[str, str], log: Path) -> Run:
    out = log.with_suffix(".out")
    if out.exists():
        out.unlink()
    path = os.pathsep.join([str(Path(suite.python).parent), environ.get("PATH", os.defpath)])
    began = time.monotonic()
    with log.open("wb") as said:
        process = subprocess.Popen(
            suite.command(out), cwd=str(suite.folder), env={**environ, FILE: str(out), "PATH": path},
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        status: Optional[int] = None
        try:
            status = process.wait(suite.minutes * 60)
        except subprocess.TimeoutExpired:
            pass
        finally:
            end(process.pid)
            process.wait()
    read: Callable[..., Run] = from_xml if suite.regrtest else from_lines
    return read(out, status, time.monotonic() - began)


def end(group: int) -> None:
    """End what a run left behind: servers of a test that failed."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
