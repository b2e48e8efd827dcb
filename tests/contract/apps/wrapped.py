"""Starts a server whose seams another agent has wrapped, ``before`` meshrun came or ``after``: WHEN SERVER ARGUMENT…

The agent wraps with ``wrapt``, as they do, and says on stderr when a wrapper is not told whose method it is.
"""

from __future__ import annotations

import importlib
import inspect
import os
import runpy
import sys
from typing import Any

import wrapt

from meshrun_hooks import TABLE

MAINS = {
    "gunicorn": "gunicorn", "uvicorn": "uvicorn", "aiohttp": "tests.contract.apps.aio",
    "hypercorn": "tests.contract.apps.hyper", "granian": "tests.contract.apps.granian_main",
    "gevent": "tests.contract.apps.gevent_app",
    "tornado": "tests.contract.apps.tornado_app", "waitress": "tests.contract.apps.serve",
    "werkzeug": "tests.contract.apps.serve", "wsgiref": "tests.contract.apps.serve",
    "django": "tests.contract.apps.serve",
}  # fmt: skip


def seams(library: str) -> Any:
    for trigger, name in TABLE.items():
        if trigger.partition(".")[0] != library or name in {"aiohttp_client", "gevent"}:  # no servers
            continue
        try:
            importlib.import_module(trigger)
        except (ImportError, RuntimeError):  # a worker of gunicorn says so that its library is missing
            continue
        for seam in importlib.import_module("meshrun_hooks." + name).SEAMS:
            home, _, path = seam.partition(" ")[0].partition(":")
            *owners, attribute = path.split(".")
            owner = importlib.import_module(home)
            for part in owners:
                owner = getattr(owner, part)
            yield seam, owner, attribute


def wrap(seam: str, owner: Any, name: str) -> None:
    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        right = isinstance(instance, owner) and not any(arg is instance for arg in args)
        os.write(2, b"agent: %s %s\n" % (seam.encode(), b"right" if right else b"WRONG"))
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(owner, name, wrapper)


when, server, *arguments = sys.argv[1:]
for each in list(seams(server)):
    if inspect.isclass(each[1]):
        wrap(*each)
if when == "before":
    runpy.run_path(os.environ["BOOT"])
sys.argv = [MAINS[server], *arguments]
runpy.run_module(MAINS[server], run_name="__main__", alter_sys=True)
