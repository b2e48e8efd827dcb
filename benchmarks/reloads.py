"""Seconds until a worker that its own master ends is gone, bare beside meshrun: HUP, TTOU, max_requests.

Two workers of a plain app without load. The clock runs from the signal until every worker that has to go is gone: both
by HUP, one by TTOU; with ``--max-requests`` from the last answer that a worker may give. The rule of the service says
that a drain takes ten minutes, so that a worker which is held for its root would not be gone at all.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Set

import measure

sys.path.insert(0, str(measure.ROOT))

from tests.contract.running import LONG, NO_CONTROL, Running, ask, stage, until

ROUNDS = 5
LIMIT_SECONDS = 0.2
REQUESTS = 20
SETTLE_SECONDS = 1.5
"""A worker that has only just begun may not have its handlers yet, and nobody says when it has them."""
GTHREAD = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "-w", "2", "--threads", "2")
WSGI = "tests.contract.apps.wsgi:application"
UVICORN = ("-m", "uvicorn", "--port", "0", "--workers", "2", "tests.contract.apps.asgi:application")


class Case(NamedTuple):
    """A server, what is done to it, and how many of its workers go by that."""

    server: str
    what: str
    command: Sequence[str]
    act: Callable[[Running], None]
    gone: int


def send(signum: int, running: Running) -> None:
    """A signal to the master alone."""
    running.kill(signum)


def exhaust(running: Running) -> None:
    """As many requests as a worker serves, all on one connection and so by the same worker."""
    with contextlib.closing(running.connect()) as connection:
        for _ in range(REQUESTS):
            ask(connection, "/")


HUP, TTOU = functools.partial(send, signal.SIGHUP), functools.partial(send, signal.SIGTTOU)
CASES = (
    Case("gunicorn gthread", "HUP", (*GTHREAD, WSGI), HUP, 2),
    Case("gunicorn gthread", "TTOU", (*GTHREAD, WSGI), TTOU, 1),
    Case("gunicorn gthread", "max_requests", (*GTHREAD, "--max-requests", str(REQUESTS), WSGI), exhaust, 1),
    Case("uvicorn --workers", "HUP", UVICORN, HUP, 2),
    Case("uvicorn --workers", "TTOU", UVICORN, TTOU, 1),
)


def main() -> int:
    """Every case; the status is 1 if one takes more than the limit longer than bare."""
    rows: List[List[str]] = []
    figures: Dict[str, Any] = {}
    worst = 0.0
    for case in CASES:
        seen = measure.rounds({how: functools.partial(once, case, how) for how in ("bare", "meshrun")}, ROUNDS)
        more = measure.added(seen, "meshrun", "bare")
        worst = max(worst, more.median)
        texts = [measure.spread(seen[how]).text(2) for how in ("bare", "meshrun")]
        rows.append([case.server, case.what, *texts, more.text(2)])
        figures[case.server + " " + case.what] = noted(seen, more)
    rows.append(["budget", "", "", "", "%g" % LIMIT_SECONDS])
    note = "Two workers, no load, %d rounds, interleaved; each round starts both servers anew." % ROUNDS
    head = ["server", "by", "bare: s", "meshrun: s", "longer: s"]
    measure.publish("reloads", measure.table("Until the old workers are gone", head, rows, note), figures)
    return 1 if worst > LIMIT_SECONDS else 0


def once(case: Case, how: str) -> float:
    """Seconds that it takes once."""
    with stage(case.command) as on:
        on.rule(LONG)
        running = on.start(bare=how == "bare")
        if how == "meshrun":
            on.registered(running)
            until(lambda: len(running.status().get("workers", ())) == 2, running.said)
        running.get("/")
        until(lambda: len(workers(running)) == 2, running.said)
        time.sleep(SETTLE_SECONDS)
        before = workers(running)
        began = time.monotonic()
        case.act(running)
        if case.act is exhaust:
            began = time.monotonic()
        while len(before & workers(running)) > len(before) - case.gone:
            if time.monotonic() - began > 60:
                raise RuntimeError("the workers are still there: " + running.said())
            time.sleep(0.002)
        return time.monotonic() - began


def workers(running: Running) -> Set[int]:
    """The living children of the master, without the helper of multiprocessing."""
    pid = running.process.pid
    found = map(int, Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split())
    return {child for child in found if serves(child)}


def serves(pid: int) -> bool:
    """Whether a child lives and is no resource tracker."""
    try:
        state = Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0]
        return state != "Z" and b"resource_tracker" not in Path("/proc/%d/cmdline" % pid).read_bytes()
    except OSError:
        return False


def noted(seen: Mapping[str, Sequence[float]], more: measure.Spread) -> Dict[str, Any]:
    """For machines."""
    return {**{how + "_s": measure.spread(values).median for how, values in seen.items()}, "longer_s": more.median}


if __name__ == "__main__":
    sys.exit(main())
