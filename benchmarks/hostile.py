"""What our part of a served request costs where the sender means harm, beside an ordinary request.

In process, on the hook's own function `inbound`, headers as bytes (uvicorn, aiohttp) and as text (gunicorn). They are
parsed from the bytes of the request just before, as by a server: a string that was hashed once remembers it, and what
was just made lies in the processor's cache. Names that change were never seen before. The service is an entry, so that
each request is also looked at by two conditions. What the server spends on such a request is not in it.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, Sequence, Tuple

import measure
from meshrun import hook
from meshrun.engines import open_engine
from meshrun.engines.base import Edit

REPEATS = 40
BUDGET = 50.0
"""Microseconds, for 1 MB of anything."""
MEGABYTE = 1_000_000
POLARIS = "X-Polaris-Metadata-Transitive-"
ENTRY = """kind: Lane
name: gray
enter:
  - {at: [web], when: {header.x-user-id: {in: ["1", "2"]}}}
  - {at: [web], percent: 10, sticky: header.x-session}
"""
"""Conditions look at the request then, one header each."""

Pair = Tuple[str, str]
Pairs = List[Pair]
_numbers = itertools.count()


def ordinary() -> Pairs:
    return [
        ("Host", "web"), ("User-Agent", "python-requests/2.32.3"), ("Accept-Encoding", "gzip, deflate"),
        ("Accept", "*/*"), ("Connection", "keep-alive"), ("Content-Type", "application/json"),
        ("Content-Length", "2"), ("X-Request-Id", "5f0c9c3e"), ("baggage", "lane=gray"),
    ]  # fmt: skip


def members(number: int, size: int) -> str:
    return ",".join("key%d=%s" % (n, "v" * size) for n in range(number))


def changing(prefix: str, value: str, number: int) -> Pairs:
    return [("%s%d" % (prefix, next(_numbers)), value) for _ in range(number)]


def spread(number: int) -> Pairs:
    return [("baggage", members(60, MEGABYTE // number // 60)) for _ in range(number)]


CASES: Dict[str, Callable[[], Pairs]] = {
    "baggage, one member of 1 MB": lambda: [("baggage", "lane=" + "x" * MEGABYTE)],
    "baggage, 100,000 members": lambda: [("baggage", members(100_000, 1))],
    "baggage, 1 MB of commas": lambda: [("baggage", "," * MEGABYTE)],
    "baggage, 1 MB of quoted letters": lambda: [("baggage", "lane=" + "%61" * (MEGABYTE // 3))],
    "baggage, 120 headers of 8 KB": lambda: spread(120),
    "baggage, 10,000 headers": lambda: [("baggage", "key=" + "v" * 90)] * 10_000,
    "polaris, 1,000 headers, names change": lambda: changing(POLARIS, "v" * 64, 1000),
    "polaris, 1,000 headers of 1 KB": lambda: [(POLARIS + "k%d" % n, "v" * 1000) for n in range(1000)],
    "polaris, one value of 1 MB": lambda: [(POLARIS + "lane", "v" * MEGABYTE)],
    "polaris, one value of 1 MB of spaces": lambda: [(POLARIS + "lane", " " * MEGABYTE)],
    "polaris, a name of 1 MB": lambda: [(POLARIS + "%d" % next(_numbers) + "x" * MEGABYTE, "v")],
    "carried, one value of 1 MB": lambda: [("X-Tenant", "v" * MEGABYTE)],
    "carried, 1,000 headers, names change": lambda: changing("X-Debug-", "v" * 1000, 1000),
    "caller, a name of 1 MB": lambda: [("X-Meshrun-Caller", "v" * MEGABYTE)],
    "other, 1,000 headers, names change": lambda: changing("X-", "v" * 1000, 1000),
    "other, a name of 1 MB": lambda: [("%d" % next(_numbers) + "x" * MEGABYTE, "v")],
    "looked at by a rule, 1 MB": lambda: [("X-User-Id", "1" * MEGABYTE), ("X-Session", "s" * MEGABYTE)],
}


def wire(pairs: Sequence[Pair]) -> bytes:
    """The headers as they come in."""
    return "\r\n".join("%s: %s" % pair for pair in pairs).encode()


def encoded(head: bytes) -> List[Tuple[Any, Any]]:
    """What uvicorn makes of them."""
    found = []
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        found.append((name.lower(), value))
    return found


def decoded(head: bytes) -> List[Tuple[Any, Any]]:
    """What gunicorn makes of them."""
    found = []
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(": ")
        found.append((name.upper(), value))
    return found


def timed(make: Callable[[], Pairs], parse: Callable[[bytes], List[Tuple[Any, Any]]]) -> List[float]:
    """Microseconds of our part, `REPEATS` times; an ordinary request in front of each, as our code is in use."""
    found = []
    heads = [(wire(ordinary()), wire(make())) for _ in range(REPEATS)]
    gc.disable()  # the server's own objects are no part of it, nor is collecting them
    for usual, head in heads:
        headers = parse(head)
        served(parse(usual))
        began = time.perf_counter()
        served(headers)
        found.append((time.perf_counter() - began) * 1e6)
    gc.enable()
    return found


def served(headers: List[Tuple[Any, Any]]) -> None:
    with hook.inbound(headers, "GET", "/", "127.0.0.1"):
        pass


def main() -> int:
    """Measure every case."""
    folder = tempfile.mkdtemp(prefix="meshrun-bench-")
    os.environ.update(
        MESHRUN_STORE="file:%s/store" % folder, MESHRUN_STATE_DIR=folder + "/state", MESHRUN_SERVICE="web",
        MESHRUN_CARRY="x-tenant,x-debug-*",
    )  # fmt: skip
    rows: List[List[str]] = []
    figures: Dict[str, Any] = {}
    try:
        open_engine(os.environ["MESHRUN_STORE"]).apply([Edit("Lane/default/gray", ENTRY)], "bench", "bench")
        spellings = {"bytes": encoded, "text": decoded}
        timed(ordinary, encoded)
        usual = {name: min(timed(ordinary, spell)) for name, spell in spellings.items()}
        rows.append(["an ordinary request", *["%.1f" % usual[name] for name in spellings], "-"])
        for case, make in CASES.items():
            least = {name: min(timed(make, spell)) for name, spell in spellings.items()}
            figures[case] = {name: round(least[name], 1) for name in spellings}
            rows.append([case, *["%.1f" % least[name] for name in spellings], "%g" % BUDGET])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    figures["an ordinary request"] = {name: round(usual[name], 1) for name in usual}
    head = ["headers of the request", "as bytes, µs", "as text, µs", "budget, µs"]
    note = "Least of %d requests each." % REPEATS
    measure.publish("hostile", measure.table("Hostile requests", head, rows, note), figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
