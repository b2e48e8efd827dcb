"""`concurrent.futures` processes: a task works for the request that submitted it, the worker process for none.

The colour travels as an attribute of the mapping of keyword arguments, an `OrderedDict` then, which keeps it through
pickle: a worker without meshrun calls the task with it as ever. A worker of ours finds the colour there and lets it be
current until it takes the next task.
"""

from __future__ import annotations

from collections import OrderedDict

from meshrun import hook

from .concurrent_thread import make_init

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in the hook of `threading`
    from typing import Any, Callable

LIBRARY = "concurrent.futures"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a module of the standard library
SEAMS = (
    "concurrent.futures.process:_WorkItem.__init__",
    "concurrent.futures.process:_process_worker module function: what a worker process runs, named by pickle",
)
MARK = "meshrun"


@hook.guarded()
def _marked(keywords: Any, library: str, function: Any, token: Any) -> Any:
    follows = hook.inherited(token, library, function)
    if follows is None:
        return None
    sent = OrderedDict(keywords)
    vars(sent)[MARK] = hook.pack(follows)
    return sent


def marked(keywords: Any, library: str, function: Any) -> Any:
    """The keyword arguments to be sent with `function`: the app's own where nothing follows."""
    token = hook.current()
    sent = None if token is None else _marked(keywords, library, function, token)
    return keywords if sent is None else sent


@hook.guarded()
def _begin(keywords: Any) -> None:
    """A worker is about to call a task with `keywords`: let the colour that was sent with them be current."""
    packed = vars(keywords).get(MARK) if type(keywords) is OrderedDict else None
    if packed:
        hook.enter(hook.unpack(packed))


class Tasks:
    """The queue that a worker takes its tasks from; `keywords` finds the keyword arguments of one of them."""

    def __init__(self, queue: Any, keywords: Callable[[Any], Any]) -> None:
        self._queue = queue
        self._keywords = keywords

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """The next task."""
        hook.enter(None)
        task = self._queue.get(*args, **kwargs)
        _begin(self._keywords(task))
        return task


@hook.guarded()
def _follow(item: Any, _token: Any) -> None:
    item.kwargs = marked(item.kwargs, LIBRARY, item.fn)


def _make_init(original: Any) -> Any:
    return make_init(original, _follow)


def _keywords(item: Any) -> Any:
    return getattr(item, "kwargs", None)


def _make_process_worker(original: Any) -> Any:
    def _process_worker(call_queue: Any, *args: Any, **kwargs: Any) -> Any:
        hook.enter(None)  # forked during a request, it would go on with that one's colour
        return original(Tasks(call_queue, _keywords), *args, **kwargs)

    return _process_worker


def _seams() -> Any:
    from concurrent.futures import process

    return (
        (process._WorkItem, "__init__", _make_init),  # noqa: SLF001 - what `submit` makes of every task
        (process, "_process_worker", _make_process_worker),
    )


patch, unpatch = hook.seams(_seams)
