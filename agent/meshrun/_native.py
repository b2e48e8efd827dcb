"""The interpreter's own threads, locks and `poll`, for our thread, in a program that gevent or eventlet patches.

Taken when the first hook is loaded, and `poll` by the hooks of those two libraries: both come before the patch. Where
the patch was first, each library knows what it replaced.
"""

from __future__ import annotations

import _thread
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select
    from typing import Any, Callable, List


_EVENTLET = {"_thread": "thread", "select": "select"}  # what eventlet calls the patch of a module


def _original(module: str, name: str) -> Any:
    # Either may be in the middle of its own import, and has patched nothing then.
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent is not None and hasattr(gevent, "is_object_patched") and gevent.is_object_patched(module, name):
        return gevent.get_original(module, name)
    if (
        eventlet is not None
        and hasattr(eventlet, "is_monkey_patched")
        and eventlet.is_monkey_patched(_EVENTLET[module])
    ):
        return getattr(eventlet.original(module), name)
    return getattr(sys.modules.get(module) or __import__(module), name)


_poll: List[Callable[[], select.poll]] = []

if TYPE_CHECKING:
    start_new_thread = _thread.start_new_thread
    allocate_lock = _thread.allocate_lock
else:
    start_new_thread = _original("_thread", "start_new_thread")
    allocate_lock = _original("_thread", "allocate_lock")


def keep() -> None:
    """Take what may be replaced soon and is not loaded at the start."""
    if not _poll:
        _poll.append(_original("select", "poll"))


def poll() -> select.poll:
    """A new `select.poll` object that blocks its thread."""
    keep()
    return _poll[0]()
