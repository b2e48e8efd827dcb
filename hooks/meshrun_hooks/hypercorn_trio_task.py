"""hypercorn's task of one request or WebSocket on trio: the same seam on another loop."""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .hypercorn_task import make_handle

LIBRARY = "hypercorn"
SUPPORTED = (">=0.14", "<0.19")
VERSION = ("hypercorn", None)
SEAMS = ("hypercorn.trio.task_group:_handle module function: the body of the task, which belongs to no class",)


def _seams() -> Any:
    from hypercorn.trio import task_group  # type: ignore[import-not-found, unused-ignore]

    return ((task_group, "_handle", make_handle),)


patch, unpatch = hook.seams(_seams)
