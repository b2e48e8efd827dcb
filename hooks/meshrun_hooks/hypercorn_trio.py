"""hypercorn's worker on trio: the same as on asyncio, in a module of its own."""

from __future__ import annotations

from typing import Any

from meshrun import hook

from . import hypercorn_run as worker

LIBRARY = "hypercorn"
SUPPORTED = (">=0.14", "<0.19")
VERSION = ("hypercorn", None)
SERVES = True
SEAMS = (
    "hypercorn.trio.run:worker_serve module function: one coroutine is the whole server",
    "hypercorn.utils:raise_shutdown as above",
    "hypercorn.trio:worker_serve the same functions, as others call them",
    "hypercorn.trio.run:raise_shutdown as above",
    "hypercorn.config:Config.create_sockets",
)


def _make_worker_serve(original: Any) -> Any:
    from trio import TASK_STATUS_IGNORED

    async def worker_serve(
        app: Any, config: Any, *, sockets: Any = None, shutdown_trigger: Any = None,
        task_status: Any = TASK_STATUS_IGNORED,
    ) -> None:  # fmt: skip
        with worker.serving(config, sockets):
            await original(app, config, sockets=sockets, shutdown_trigger=shutdown_trigger, task_status=task_status)

    return worker_serve


def _seams() -> Any:
    from hypercorn import trio, utils  # type: ignore[import-not-found, unused-ignore]
    from hypercorn.config import Config  # type: ignore[import-not-found, unused-ignore]
    from hypercorn.trio import run  # type: ignore[import-not-found, unused-ignore]

    return (
        (run, "worker_serve", _make_worker_serve),
        (utils, "raise_shutdown", worker.make_raise_shutdown),
        (trio, "worker_serve", lambda _: run.worker_serve),
        (run, "raise_shutdown", lambda _: utils.raise_shutdown),
        (Config, "create_sockets", worker.make_create_sockets),
    )


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """A worker of this process that began while the seams were out; a parent has its sockets, but no context."""
    from hypercorn.config import Config, Sockets  # type: ignore[import-not-found, unused-ignore]
    from hypercorn.trio.worker_context import WorkerContext  # type: ignore[import-not-found, unused-ignore]

    if any(not context.terminated.is_set() for context in hook.alive(WorkerContext)):
        for config, sockets in zip(hook.alive(Config), hook.alive(Sockets)):
            worker.listening(config, sockets, hook.thread_of(None))
        hook.ready()
