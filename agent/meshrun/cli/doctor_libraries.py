"""Which libraries are installed for a Python, which of them meshrun would patch, and which other agents are there."""

from __future__ import annotations

from typing import Any, Container, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..boot import selection, versions
from . import installed, output, taught
from .checks import NOTE, WRONG, Check
from .output import Screen
from .target import Python

AGENTS = (
    "appdynamics", "apache-skywalking", "ddtrace", "elastic-apm", "instana", "newrelic",
    "opentelemetry-instrumentation", "scout-apm", "sentry-sdk",
)  # fmt: skip
"""Distributions that patch libraries, as meshrun does."""
FITS, ABSENT, OFF = "supported", "not installed", "off"


class Library(NamedTuple):
    """A library that hooks are made for, as it is installed for one Python."""

    name: str
    version: Optional[str]  # None: not installed; empty: installed, and its version is not written anywhere
    supported: Tuple[str, ...]
    hooks: Tuple[str, ...]
    state: str
    why: str

    def shape(self) -> Mapping[str, Any]:
        """The library for machines."""
        return dict(self._asdict(), supported=list(self.supported), hooks=list(self.hooks))


def libraries(python: Python, environ: Mapping[str, str]) -> List[Library]:
    """Each library by name. The versions are those of the installed distributions; nothing is imported."""
    found = installed.distributions(python.path)
    chosen = selection.select(environ.get("MESHRUN_HOOKS", ""), taught.table(taught.folder()))
    by_library: Dict[str, List[taught.Hook]] = {}
    for hook in taught.hooks():
        by_library.setdefault(hook.library, []).append(hook)
    listed = [_library(name, hooks, python, found, frozenset(chosen.off)) for name, hooks in sorted(by_library.items())]
    return sorted(listed, key=lambda one: (one.version is None, one.name))


def _library(
    name: str, hooks: Sequence[taught.Hook], python: Python, found: Mapping[str, str], off: Container[str]
) -> Library:
    first = hooks[0]
    names = tuple(hook.name for hook in hooks)
    version: Optional[str]
    if first.version is None:
        version = ".".join(str(part) for part in python.version)
    else:
        version = found.get(installed.folded(name))
        if version is None and installed.module(first.module, python.path):
            version = ""

    def library(state: str, why: str = "") -> Library:
        return Library(name, version, first.supported, names, state, why)

    if version is None:
        return library(ABSENT)
    if version and not versions.supported(version, first.supported):
        return library(OFF, "this version is not supported")
    switched = [hook for hook in names if hook in off]
    if len(switched) == len(names):
        return library(OFF, "MESHRUN_HOOKS")
    why = "without %s (MESHRUN_HOOKS)" % output.listed(switched) if switched else ""
    return library(FITS, why if version else (why or "its version is seen when it is imported"))


def checks(found: Sequence[Library], agents: Mapping[str, str]) -> Iterator[Check]:
    """What is worth saying beside the table."""
    for one in found:
        if one.state == OFF and one.why != "MESHRUN_HOOKS":
            what = "%s %s is not supported (%s): it works as without meshrun" % (
                one.name, one.version, ",".join(one.supported),
            )  # fmt: skip
            yield Check("library", WRONG, what, "Use a version in that range.", "MR7008")
    if agents:
        said = output.listed(["%s %s" % pair for pair in sorted(agents.items())])
        yield Check("other agents", NOTE, "%s may patch the same libraries; both work" % said, code="MR7009")


def agents(python: Python) -> Mapping[str, str]:
    """Other agents that are installed: distribution -> version."""
    found = installed.distributions(python.path)
    return {name: found[name] for name in AGENTS if name in found}


def table(found: Sequence[Library], screen: Screen) -> List[str]:
    """The libraries for people."""
    rows = [
        (
            one.name,
            "-" if one.version is None else one.version or "yes",
            ",".join(one.supported) or "any",
            one.state + (": " + one.why if one.why else ""),
            ", ".join(one.hooks),
        )
        for one in found
    ]
    return output.table(("LIBRARY", "INSTALLED", "VERSIONS", "STATE", "HOOKS"), rows, screen)
