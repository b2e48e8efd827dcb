"""`multiprocessing.pool`: a task works for the request that handed it in, the worker, process or thread, for none.

The colour travels as in `concurrent_process`; callbacks of the app run with the colour of their task.
"""

from __future__ import annotations

from meshrun import hook

from .concurrent_process import Tasks, marked
from .concurrent_thread import make_init

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in the hook of `threading`
    from typing import Any, Dict

LIBRARY = "multiprocessing"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a package of the standard library
SEAMS = (
    "multiprocessing.pool:Pool.apply_async",
    "multiprocessing.pool:Pool._guarded_task_generation",
    "multiprocessing.pool:ApplyResult.__init__",
    "multiprocessing.pool:worker module function: what a worker runs, named by pickle",
)


@hook.guarded()
def _follow(result: Any, token: Any) -> None:
    for name in ("_callback", "_error_callback"):
        callback = getattr(result, name)
        if callback is not None:
            setattr(result, name, _calling(callback, token))


def _calling(callback: Any, token: Any) -> Any:
    def call(value: Any) -> Any:
        return hook.run(token, callback, (value,))

    return call


_NONE: Dict[str, Any] = {}  # never changed; the original's default is such a one


def _make_apply_async(original: Any) -> Any:
    def apply_async(self: Any, func: Any, args: Any = (), kwds: Any = _NONE, *more: Any, **named: Any) -> Any:
        return original(self, func, args, marked(kwds, LIBRARY, func), *more, **named)

    return apply_async


def _sent(tasks: Any, keywords: Any) -> Any:
    for job, place, func, args, _ in tasks:
        yield job, place, func, args, keywords


def _make_guarded_task_generation(original: Any) -> Any:
    def _guarded_task_generation(self: Any, result_job: Any, func: Any, iterable: Any) -> Any:
        tasks = original(self, result_job, func, iterable)
        keywords = marked(_NONE, LIBRARY, func)
        return tasks if keywords is _NONE else _sent(tasks, keywords)

    return _guarded_task_generation


def _make_init(original: Any) -> Any:
    return make_init(original, _follow)


def _keywords(task: Any) -> Any:
    return None if task is None else task[4]


def _make_worker(original: Any) -> Any:
    def worker(inqueue: Any, *args: Any, **kwargs: Any) -> Any:
        hook.enter(None)  # forked during a request, it would go on with that one's colour
        return original(Tasks(inqueue, _keywords), *args, **kwargs)

    return worker


def _seams() -> Any:
    from multiprocessing import pool

    return (
        (pool.Pool, "apply_async", _make_apply_async),
        (pool.Pool, "_guarded_task_generation", _make_guarded_task_generation),
        (pool.ApplyResult, "__init__", _make_init),
        (pool, "worker", _make_worker),
    )


patch, unpatch = hook.seams(_seams)
