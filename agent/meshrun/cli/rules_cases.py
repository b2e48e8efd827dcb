"""The file of ``meshctl rules test``: calls, what is expected of each, and the instances that there are."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ..core import compile as compiling
from ..core import yamltext
from ..core.forms import KEY, NAME, NAMESPACE, SERVICE, TAGS, WORD, Instant
from ..core.instant import epoch
from ..core.model import PROTOCOLS, READY, Instance
from ..core.problem import Problem, RuleError
from ..core.shape import Choice, Field, Flag, Items, Number, Reading, Record, Table, Text
from . import change
from .errors import Failure
from .invocation import Invocation

NOWHERE = "none"
"""As an expected address: the call goes where the application sent it, or is refused."""

_LINE = Text("text on one line", r"[^\r\n]{1,2048}")
_COLOUR = Table(KEY, Text("a value: 1 to 64 of A-Z a-z 0-9 . _ -", WORD), least=0)
_CALL = Record(
    {
        "from": Field(SERVICE, "the calling service"),
        "to": Field(SERVICE, "the called service, or `url`"),
        "url": Field(_LINE, "the URL as the application writes it"),
        "method": Field(_LINE, "default: GET"),
        "path": Field(_LINE, "default: that of the URL, or /"),
        "headers": Field(Table(_LINE, Text("a value"), least=0, most=64), "those that the caller received"),
        "colour": Field(_COLOUR, "the colour that came in"),
        "draw": Field(Number(0, 1), "the random number; without: what is expected must hold for every one"),
    }
)
_EXPECT = Record(
    {
        "reason": Field(_LINE, "reason code"),
        "service": Field(SERVICE, "the service that the call goes to"),
        "lane": Field(NAME, "lane of the chosen instance, or baseline"),
        "tags": Field(TAGS, "tags that the chosen instance has, beside others"),
        "address": Field(_LINE, "address:port; none: where the application sent it, or refused"),
        "colour": Field(_COLOUR, "the colour of the call"),
        "refused": Field(Flag(), "whether the call is refused"),
    }
)
_CASE = Record(
    {
        "name": Field(_LINE, "what is tested"),
        "call": Field(_CALL, "the call", True),
        "expect": Field(_EXPECT, "what becomes of it", True),
    }
)
_INSTANCE = Record(
    {
        "service": Field(SERVICE, "its service", True),
        "address": Field(Text("an IP address", r"[0-9A-Fa-f.:]{2,45}"), "default: one of its own"),
        "port": Field(Number(1, 65535, whole=True), "default: 80"),
        "protocol": Field(Choice(*PROTOCOLS), "default: http"),
        "tls": Field(Flag(), "default: false"),
        "tags": Field(TAGS, "its tags"),
        "weight": Field(Number(1, 10000, whole=True), "default: 100"),
        "state": Field(Choice("starting", READY, "draining"), "default: ready"),
    }
)
_FILE = Record(
    {
        "namespace": Field(NAMESPACE, "of names without one; default: that of the command"),
        "time": Field(Instant(), "the time at which the calls are made; default: now"),
        "instances": Field(Items(_INSTANCE, 0), "the instances; default: those of the store"),
        "cases": Field(Items(_CASE), "the cases", True),
    }
)


class Case(NamedTuple):
    """One call and what is expected of it."""

    name: str
    line: int
    call: Mapping[str, Any]
    expect: Mapping[str, Any]


class Cases(NamedTuple):
    """What a file of cases holds."""

    file: str
    namespace: str
    time: Optional[float]  # epoch seconds
    instances: Optional[Mapping[str, Tuple[Instance, ...]]]  # None: those of the store
    cases: Tuple[Case, ...]


def read(call: Invocation, path: str) -> Cases:
    """The cases of a file. Raises `Failure` with code MR2003, or MR3007 with every problem and its place."""
    problems: List[Problem] = []
    try:
        roots = list(yamltext.read(yamltext.decode(change.content(path), path), path, problems))
    except RuleError as error:
        raise _invalid(path, error.problems) from error
    if not problems and len(roots) != 1:
        mend = "Write one document with `cases`; docs/operating.md has an example."
        raise Failure("MR3007", "%s holds %d documents" % (path, len(roots)), mend=mend)
    if problems:
        raise _invalid(path, problems)
    root = roots[0].root
    reading = Reading(path, call.namespace, problems)
    found = _FILE.read(root, "", reading)
    if not problems and found.get("namespace", call.namespace) != call.namespace:
        reading = Reading(path, found["namespace"], problems)
        found = _FILE.read(root, "", reading)
    listed = (
        next((value for key, value in root.value if key.value == "cases"), root) if root.kind == "mapping" else root
    )
    for number, node in enumerate(listed.value if listed.kind == "list" and found else ()):
        one = found["cases"][number] if found.get("cases") else None
        if one and one.get("call") is not None and ("to" in one["call"]) == ("url" in one["call"]):
            reading.say(node, "cases[%d].call" % number, "a call needs `to` or `url`", "write one of the two", "MR1014")
        if one and one.get("expect") == {}:
            reading.say(node, "cases[%d].expect" % number, "nothing is expected", "write what must hold", "MR1014")
    if problems:
        raise _invalid(path, problems)
    cases = tuple(_case(one, node.line) for one, node in zip(found["cases"], listed.value))
    own = reading.namespace
    instances = None if "instances" not in found else _instances(found["instances"], own)
    return Cases(path, own, epoch(found["time"]) if "time" in found else None, instances, cases)


def _invalid(path: str, problems: Any) -> Failure:
    found = sorted(problems, key=lambda problem: (problem.line, problem.column))
    return Failure("MR3007", "the cases in %s cannot be read; none was run" % path, problems=found)


def _case(one: Mapping[str, Any], line: int) -> Case:
    call = one["call"]
    words = "%s calls %s: %s %s" % (
        call.get("from", "somebody"), call.get("to") or call["url"], call.get("method", "GET"), call.get("path", "/"),
    )  # fmt: skip
    return Case(one.get("name", words), line, call, one["expect"])


def _instances(listed: List[Mapping[str, Any]], namespace: str) -> Mapping[str, Tuple[Instance, ...]]:
    """By service key, as an engine answers them; those without an address get one of the block for documentation."""
    found: Dict[str, List[Instance]] = {}
    for number, one in enumerate(listed):
        key = compiling.resolve(one["service"], namespace)
        members = found.setdefault(key, [])
        members.append(
            Instance(
                "case-%d" % number,
                key,
                one.get("address", "192.0.2.%d" % (number % 254 + 1)),
                one.get("port", 80),
                one.get("protocol", "http"),
                one.get("tls", False),
                one.get("tags") or {},
                one.get("weight", 100),
                slot=len(members),
                state=one.get("state", READY),
            )
        )
    return {key: tuple(members) for key, members in found.items()}
