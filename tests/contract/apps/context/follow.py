"""What the programs of the context suite share: requests that they serve, and what a call of theirs reaches.

They run bare as well: then there are no requests, and what is seen is "bare".
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any, Dict, Iterator, List

BOUND_SECONDS = 30.0


@contextlib.contextmanager
def serving(lane: str, *more: Any) -> Iterator[None]:
    """As inside a served request with this lane; "" is one without."""
    if "MESHRUN_STORE" not in os.environ:
        yield
        return
    from meshrun import hook

    headers: List[Any] = [("baggage", "lane=" + lane)] if lane else []
    with hook.inbound([*headers, *more], "GET", "/", "127.0.0.1"):
        yield


def colour(*_: Any) -> str:
    """The lane of the current request; "-": none is known here."""
    if "MESHRUN_STORE" not in os.environ:
        return "bare"
    context = sys.modules.get("meshrun.runtime.context")
    current = context.CURRENT.get() if context is not None else None
    if current is None:
        return "-"
    return "lost" if type(current).__name__ == "Lost" else dict(current.colour).get("lane", "")


def reached(*_: Any, headers: Any = None) -> str:
    """The server that answers a call of this code: its name says its lane."""
    import urllib3

    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", "http://orders/", headers=headers, timeout=BOUND_SECONDS)
        return str(answer.headers["x-server"])


def counters() -> Dict[str, Any]:
    """What this process counted as lost, and failures of ours."""
    from meshrun import _guard, hook

    process: Any = hook._process
    return {"lost": {key[0]: number for key, number in process.colour_lost.items()}, "errors": dict(_guard.errors)}


def answer(result: Any) -> None:
    """What the test reads."""
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
