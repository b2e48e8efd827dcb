"""`threading`: a thread, and so a `Timer`, works for the request in which it was started.

The new thread runs ``_bootstrap_inner`` through an attribute that its object has from `start` until it begins: what the
app sees of a thread, and the stack of one that nobody's colour follows into, are as without us. Threads made by
``_thread.start_new_thread`` have no object and no such seam: nothing follows into them, and nothing is counted.
"""

from __future__ import annotations

from meshrun import hook

TYPE_CHECKING = False
if TYPE_CHECKING:  # nearly every program imports `threading`, and few of them `typing`
    from typing import Any, Optional

LIBRARY = "threading"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a module of the standard library
SEAMS = ("threading:Thread.start",)
_NAME = "_bootstrap_inner"


class _Door:
    """Stands on a thread object in the place of its method until the thread begins; nothing refers to it after that."""

    __slots__ = ("_begin", "_follows", "_thread")

    def __init__(self, thread: Any, follows: Any) -> None:
        self._thread = thread
        self._follows = follows
        self._begin = getattr(thread, _NAME)

    def __call__(self) -> Any:
        """The whole life of the thread, in the thread."""
        _leave(self._thread, self)
        return hook.run(self._follows, self._begin)


def _leave(thread: Any, door: Any) -> None:
    own = vars(thread)
    if own.get(_NAME) is door:  # eventlet puts a door of its own over it
        del own[_NAME]


@hook.positional()
def _door(thread: Any, token: Any) -> Optional[_Door]:
    """Put the door in by which `thread` begins; None: it begins as ever, with nothing."""
    follows = hook.inherited(token, LIBRARY, getattr(thread, "_target", None), type(thread))
    if follows is None:
        return None
    door = vars(thread)[_NAME] = _Door(thread, follows)
    return door


def _make_start(original: Any) -> Any:
    def start(self: Any) -> Any:
        token = hook.current()
        if token is None:
            return original(self)
        door = _door(self, token)
        if door is None:
            # What green threads inherit when they are spawned below `start` must not go into a pool's worker either.
            return hook.run(None, original, (self,))
        try:
            return original(self)
        finally:  # a thread that has begun went through it; one that could not be started may be tried again
            _leave(self, door)

    return start


def _seams() -> Any:
    from threading import Thread

    return ((Thread, "start", _make_start),)


patch, unpatch = hook.seams(_seams)
