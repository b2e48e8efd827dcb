"""The work for one request is bounded, whatever it brings. Counted, not timed; `benchmarks/hostile.py` times it.

What is counted: the lines of ours that run, the letters that are hashed, and the memory that is taken meanwhile. None
of them may grow when the request does.
"""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import pytest

from meshrun.core import admit, documents
from meshrun.core.compile import build
from meshrun.core.rules import RESERVED
from meshrun.runtime import inbound
from meshrun.runtime.headers import Headers

POLARIS = "x-polaris-metadata-transitive-"
Pairs = List[Tuple[Any, Any]]


class Counted(str):
    """Text that says how much of it is hashed."""

    __slots__ = ()
    hashed = 0

    def __hash__(self) -> int:
        Counted.hashed += len(self)
        return super().__hash__()

    __eq__ = str.__eq__


class Work(NamedTuple):
    """What one request cost."""

    lines: int
    letters: int
    bytes: int


def work(function: Callable[[], Any]) -> Work:
    """Run it once to learn, then count."""
    function()
    Counted.hashed = 0
    lines = _lines(function)
    letters = Counted.hashed
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Work(lines, letters, peak)


def _lines(function: Callable[[], Any]) -> int:
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def members(number: int) -> str:
    return ",".join("lane=v%d" % n for n in range(number))


CASES: Dict[str, Callable[[int], Pairs]] = {
    "one member": lambda size: [("baggage", "lane=" + "x" * size)],
    "members": lambda size: [("baggage", members(size // 8))],
    "commas": lambda size: [("baggage", "," * size)],
    "quoted letters": lambda size: [("baggage", "lane=" + "%61" * (size // 3))],
    "quoted members": lambda size: [("baggage", ",".join(["lane=%61%61%61"] * (size // 15)))],
    "lines of baggage": lambda size: [("baggage", members(100))] * (size // 800),
    "pairs": lambda size: [(POLARIS + "k%d" % n, "v" * 60) for n in range(size // 100)],
    "one pair": lambda size: [(POLARIS + "lane", "v" * size)],
    "spaces": lambda size: [(POLARIS + "lane", " " * size)],
    "a name of a pair": lambda size: [(POLARIS + "k" * size, "v")],
    "a name": lambda size: [("x-" + "k" * size, "v")],
    "names": lambda size: [("x-%d" % n, "v" * 60) for n in range(size // 100)],
    "one carried": lambda size: [("x-tenant", "v" * size)],
    "carried": lambda size: [("x-debug-%d" % n, "v" * 60) for n in range(size // 100)],
    "a caller": lambda size: [("x-meshrun-caller", "v" * size)],
    "a looked at": lambda size: [("x-user-id", "v" * size), ("cookie", "a=b;" * (size // 4))],
}
LANES = """kind: Lane
name: gray
tags: {lane: gray}
enter:
  - {at: [web], when: {header.x-user-id: {in: ["1"]}, cookie.user: "7", query.a: "1"}}
  - {at: [web], percent: 10, sticky: header.x-user-id}
"""


class Process:
    """As much of a process as looking at a request asks for."""

    service = "default/web"
    tags: Dict[str, str] = {}  # noqa: RUF012 - never changed


def receive(headers: Headers, pairs: Pairs) -> Callable[[], Any]:
    """What is done with the headers of a request: read, and looked at by the rules of an entry."""
    rules = build({one.identity: one.document for one in documents.parse(LANES, "given.yaml")}, 1)
    process: Any = Process()
    path = "/?" + "a=b&" * len(pairs[0][1])

    def received() -> Any:
        given = pairs[: inbound.MOST_HEADERS]
        incoming = headers.incoming(given)
        facts = inbound._facts(process, given, "GET", path, incoming)
        return admit.admit(rules, "default/web", "default", {}, incoming.colour, False, facts, lambda: 0.9, 0.0)

    return received


@pytest.mark.parametrize("spelling", [Counted, str, bytes])
@pytest.mark.parametrize("name", CASES)
def test_ten_times_the_request_is_no_more_work(name: str, spelling: Any) -> None:
    def spelled(pairs: Pairs) -> Pairs:
        if spelling is bytes:
            return [(name.encode(), value.encode()) for name, value in pairs]
        return [(spelling(name), spelling(value)) for name, value in pairs]

    costs = []
    for size in (100_000, 1_000_000):
        headers = Headers(("polaris", "baggage"), ("baggage",), ("x-tenant", "x-debug-*"), RESERVED)
        costs.append(work(receive(headers, spelled(CASES[name](size)))))
    small, large = costs
    assert large.lines <= small.lines * 1.1
    assert large.letters <= small.letters * 1.1
    assert large.letters <= 20_000
    assert large.bytes <= small.bytes * 1.1 + 2000
    assert large.bytes <= 200_000
    assert large.lines <= 3000
