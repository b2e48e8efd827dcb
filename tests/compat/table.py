"""The table of the matrix: which releases of which libraries meet which Python, and which tests run there.

What the hooks and ``setup.cfg`` promise is read from them; only what nothing else can say stands here. So a new library
needs no line, unless its oldest supported release does not run on every Python that is tested with the oldest ones.
"""

from __future__ import annotations

import configparser
import importlib
import re
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from meshrun_hooks import TABLE
from tests.compat.pythons import LATER, SUPPORTED

ROOT = Path(__file__).resolve().parents[2]

OLDEST, NEWEST = "oldest", "newest"
BOTH = (SUPPORTED[0], "3.11")
"""The Pythons that meet the oldest releases as well: the oldest one, where most of those are at home, and one that
many run today."""

COMPANIONS: Mapping[str, str] = {
    "requests": "2.25",  # the first beside urllib3 1.26
    "flask": "1.1.4",  # over Werkzeug 1.0
    "httpx": "0.23",  # over httpcore 0.15
    "markupsafe": "2.0.1",  # as the Jinja2 of that flask needs
    "websockets": "10.4",  # as uvicorn 0.22 asks
    "greenlet": "1.0",  # the first whose greenlets show their context; gevent 21.1 takes it
    "opentelemetry-instrumentation-urllib3": "0.33b0",
}
"""The oldest releases of what apps use together with a hooked library, in step with the oldest one of that."""

FIRST: Mapping[Tuple[str, str], str] = {
    ("aiohttp", "3.11"): "3.8.3",
    ("flask", "3.11"): "2.1",  # runs earlier; but granian asks for a newer click than flask 1.1 takes
    ("gevent", "3.11"): "23.9.1",
    ("greenlet", "3.11"): "3.0",
    ("requests", "3.11"): "2.29",  # runs earlier; from here on it sends every body through urllib3's `urlopen`
    ("uvloop", "3.11"): "0.17",
    ("werkzeug", "3.11"): "2.1",  # with that flask
    ("wrapt", "3.11"): "1.14",
}
"""(library, Python) -> the oldest release from the floor up that installs and imports there."""

ABSENT = frozenset((("granian", "3.8"),))
"""(library, Python) of which no supported release runs there."""

BROKEN: Mapping[Tuple[str, str], str] = {("zope.interface", "3.8"): "<7"}
"""(what a library brings, Python) -> the releases that do not end that interpreter: there a garbage collection during
the import of zope.interface 7 is a segmentation fault, by chance, bare as well (zopefoundation/zope.interface#340)."""

TOOLS = re.compile(r"build|mypy|ruff|trio|types-.*|wheel")
"""Of the extra `test`, what only the development environment gets: tools, and trio, which cannot be imported where
eventlet's own import of dnspython, and httpcore with it, asks for it."""


class Cell(NamedTuple):
    """One environment of the matrix, and what runs in it."""

    python: str
    releases: str
    suites: Tuple[str, ...]
    marks: str = "not once"

    @property
    def name(self) -> str:
        """``3.8-oldest``."""
        return "%s-%s" % (self.python, self.releases)

    def requirements(self) -> List[str]:
        """What is installed, one line per library, the interpreter's path not among them."""
        found = {_name(line): line for line in _extra("test") if not TOOLS.fullmatch(_name(line))}
        for library, ranges in {**needed(), **hooked()}.items():
            if (library, self.python) in ABSENT:
                found.pop(library, None)
                continue
            found[library] = _wanted(found.get(library, library), self, ranges)
        for library in COMPANIONS:
            if self.releases == OLDEST or library in found:
                found[library] = _wanted(found.get(library, library), self, ())
        found.update(
            (library, library + range_) for (library, python), range_ in BROKEN.items() if python == self.python
        )
        return sorted(found.values())


def cells(*, but: str = "") -> Iterator[Cell]:
    """The matrix. `but`: the Python of the development environment, where the newest releases see all tests anyway."""
    for python in (*SUPPORTED, *LATER):
        if python == but:
            pass
        elif python in (SUPPORTED[0], SUPPORTED[-1], *LATER):
            yield Cell(python, NEWEST, ("tests/unit", "tests/contract"))
        else:  # what is right on both ends is right between; what runs at the start and the hooks are looked at anyway
            yield Cell(python, NEWEST, ("tests/unit/boot", "tests/contract"), "not once and not slow")
        if python in BOTH:
            yield Cell(python, OLDEST, ("tests/contract",))


def hooked() -> Dict[str, Tuple[str, ...]]:
    """Library -> the range that its hooks support, all of them the same."""
    found: Dict[str, Tuple[str, ...]] = {}
    for name in sorted(set(TABLE.values())):
        hook = importlib.import_module("meshrun_hooks." + name)
        if hook.VERSION is not None:
            assert found.setdefault(hook.LIBRARY, hook.SUPPORTED) == hook.SUPPORTED, hook.__name__
    return found


def needed() -> Dict[str, Tuple[str, ...]]:
    """What is installed with meshrun, and what its extra `otel` names -> the range that ``setup.cfg`` gives."""
    lines = [*_section("options", "install_requires"), *_extra("otel")]
    return {_name(line): tuple(filter(None, line[len(_name(line)) :].split(","))) for line in lines}


def floor(ranges: Sequence[str]) -> str:
    """``(">=1.26", "<3")`` -> ``1.26``; empty: no floor."""
    return next((one[2:] for one in ranges if one.startswith(">=")), "")


def _number(version: str) -> Tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _wanted(line: str, cell: Cell, ranges: Sequence[str]) -> str:
    named = re.match(r"[\w.-]+(\[[\w,-]+\])?", line)
    assert named is not None, line
    if cell.releases == NEWEST:
        return named.group() + ",".join(ranges)
    library = _name(line)
    return "%s==%s" % (named.group(), FIRST.get((library, cell.python)) or COMPANIONS.get(library) or floor(ranges))


def _extra(name: str) -> List[str]:
    return _section("options.extras_require", name)


def _section(section: str, option: str) -> List[str]:
    found = configparser.ConfigParser()
    found.read(str(ROOT / "setup.cfg"), encoding="utf-8")
    return [line for line in found[section][option].splitlines() if line and not line.startswith("#")]


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()
