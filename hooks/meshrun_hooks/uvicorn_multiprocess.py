"""uvicorn's parent of several workers: it holds the sockets, spawns who serves them, and ends them by signals.

Where the release has a class `Process` (since 0.30), its `terminate` is a seam too; before, multiprocessing ends them.
Such a release also catches signals that it does nothing about, SIGQUIT among them.
"""

from __future__ import annotations

from typing import Any, Tuple

from meshrun import hook

LIBRARY = "uvicorn"
SUPPORTED = (">=0.22", "<1")
VERSION = ("uvicorn", "__version__")
_MODULE = "uvicorn.supervisors.multiprocess"
SEAMS = (_MODULE + ":Multiprocess.__init__",)


@hook.guarded()
def _listening(parent: Any) -> None:
    config = parent.config
    hook.forks(spawns=True)
    hook.bound(parent.sockets, tls=bool(config.is_ssl), keepalive=float(config.timeout_keep_alive))
    hook.keeps(config.workers, ignores=_ignored(parent))


def _ignored(parent: Any) -> Tuple[int, ...]:
    """The signals that the parent takes note of, and has no method for."""
    from uvicorn.supervisors import multiprocess

    known = getattr(multiprocess, "SIGNALS", {})
    return tuple(number for number, name in known.items() if not hasattr(parent, "handle_" + name.lower()))


def _make_init(original: Any) -> Any:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 -- the seam has this name
        original(self, *args, **kwargs)
        _listening(self)

    return __init__


@hook.guarded()
def _ends(worker: Any) -> None:
    if worker.pid is not None:
        hook.signals(worker.pid)


def _make_terminate(original: Any) -> Any:
    def terminate(self: Any) -> Any:
        _ends(self)
        return original(self)

    return terminate


def _seams() -> Any:
    from uvicorn.supervisors import multiprocess

    found = [(multiprocess.Multiprocess, "__init__", _make_init)]
    worker = getattr(multiprocess, "Process", None)
    if worker is not None:
        found.append((worker, "terminate", _make_terminate))
    return found


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Parents that began while the seam was out; their workers wake with them, each a server of its own until then."""
    from uvicorn.supervisors.multiprocess import Multiprocess

    for parent in hook.alive(Multiprocess):
        if not parent.should_exit.is_set():
            _listening(parent)
