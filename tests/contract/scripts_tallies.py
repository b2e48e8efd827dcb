"""Processes that call and end in their several ways."""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import Any, Dict

from tests.contract.scripts import Kind, Plan, calls


def children(kind: Kind, plan: Plan) -> int:
    """One call, two in a child of multiprocessing by fork, three in one that was forked and ends as a program."""
    calls(kind, _first(plan, 1))
    child = multiprocessing.get_context("fork").Process(target=calls, args=(kind, _first(plan, 2)))
    child.start()
    child.join()
    forked = os.fork()
    if forked == 0:
        calls(kind, _first(plan, 3))
        sys.exit(0)
    return os.waitpid(forked, 0)[1] + (child.exitcode or 0)


def dropped(_: Kind, plan: Plan) -> Dict[str, int]:
    """As many decided calls whose end nobody tells, as when a response is dropped unread."""
    from meshrun import hook

    for ask in plan["asks"]:
        call: Any = hook.outbound("http", "orders", 80, "GET", ask["url"], {})
        assert call.address is not None
        del call
    return {}


def _first(plan: Plan, number: int) -> Plan:
    return dict(plan, asks=plan["asks"][:number])
