"""What our hooks cost in one call, all of them on its stack, with the transport replaced by a stub in memory.

One process, the seams put in and taken out between repeats; the figure is the difference of the least of 100 repeats of
each. The mesh call goes to one of three instances of a service, uncoloured and coloured, with the headers that the
library sends by itself.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, Tuple

import measure
import stubs

REPEATS, CALLS = 100, 100  # many and short: on a busy host a slow second must not cover all of them
BLOCKS, WARM_UP = 10, 10
BUDGET = {"mesh": 6.0, "not mesh": 1.0, "served": 5.0}


def least(call: Callable[[int], None], repeats: int = REPEATS) -> float:
    """Microseconds of one call in the fastest repeat."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        call(CALLS)
        best = min(best, time.perf_counter() - began)
    return best / CALLS * 1e6


def compared(stub: stubs.Stub, call: Callable[[int], None]) -> Tuple[float, float]:
    """(bare, with hooks), blocks in turn so that a change of the machine's speed meets both.

    Each block warms up: exchanging a method makes the interpreter forget what it specialised. The first calls are
    hooked, so that both find as many idle connections in the pool: what a library does about each of them is its own
    cost, and part of `keepalive`, which calls a hundred endpoints.
    """
    bare = hooked = float("inf")
    stub.patch()
    least(call, WARM_UP)
    for _ in range(BLOCKS):
        stub.unpatch()
        least(call, WARM_UP)
        bare = min(bare, least(call, REPEATS // BLOCKS))
        stub.patch()
        least(call, WARM_UP)
        hooked = min(hooked, least(call, REPEATS // BLOCKS))
    stub.unpatch()
    return bare, hooked


def main() -> int:
    """Measure every stack."""
    folder = tempfile.mkdtemp(prefix="meshrun-bench-")
    os.environ.update(MESHRUN_STORE="file:%s/store" % folder, MESHRUN_STATE_DIR=folder + "/state")
    rows: List[List[str]] = []
    figures: Dict[str, Any] = {}
    try:
        stubs.fill(os.environ["MESHRUN_STORE"])
        for stub in stubs.STUBS:
            for kind, call in stub.calls():
                bare, hooked = compared(stub, call)
                figures["%s %s" % (stub.name, kind)] = hooked - bare
                budget = BUDGET[kind.partition(",")[0]]
                rows.append([stub.name, kind, "%.1f" % bare, "%.2f" % (hooked - bare), "%g" % budget])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    head = ["stack", "call", "stub alone, µs", "added by hooks, µs", "budget, µs"]
    note = "Least of %d repeats of %d calls, bare and hooked in %d blocks in turn." % (
        REPEATS,
        CALLS,
        BLOCKS,
    )
    measure.publish("hook_cost", measure.table("Hook cost", head, rows, note), figures)
    return 0


if __name__ == "__main__":
    if sys.version_info < (3, 14):
        asyncio.set_event_loop(asyncio.new_event_loop())
    sys.exit(main())
