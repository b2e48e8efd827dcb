"""APScheduler: jobs belong to no request, whoever started the scheduler, woke it up or added one of them.

A scheduler in an event loop sets its next timer from the last one, so that a colour once in there would stay.
"""

from __future__ import annotations

from typing import Any

from meshrun import hook

LIBRARY = "apscheduler"
SUPPORTED = (">=3.9.1", "<4")
VERSION = ("apscheduler", "version")
SEAMS = ("apscheduler.schedulers.base:BaseScheduler._process_jobs",)


def _make_process_jobs(original: Any) -> Any:
    def _process_jobs(self: Any) -> Any:
        return original(self) if hook.current() is None else hook.run(None, original, (self,))

    return _process_jobs


def _seams() -> Any:
    from apscheduler.schedulers.base import BaseScheduler  # type: ignore[import-not-found, unused-ignore]

    return ((BaseScheduler, "_process_jobs", _make_process_jobs),)


patch, unpatch = hook.seams(_seams)
