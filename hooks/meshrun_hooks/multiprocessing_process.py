"""`multiprocessing.Process`: the child works for the request in which it was started.

A forked child has its parent's context anyway. For one that is spawned the colour travels in the process object, which
has it while it is started and no longer; a child without meshrun takes no notice. What serves more than one request,
as a manager or a pool's worker does, starts with nothing either way.
"""

from __future__ import annotations

from meshrun import hook

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in the hook of `threading`
    from typing import Any, Optional, Tuple

LIBRARY = "multiprocessing"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a package of the standard library
SEAMS = ("multiprocessing.process:BaseProcess.start", "multiprocessing.process:BaseProcess._bootstrap")
_MARK = "_meshrun"


@hook.guarded()
def _mark(process: Any, token: Any) -> None:
    vars(process)[_MARK] = hook.pack(hook.inherited(token, LIBRARY, getattr(process, "_target", None), type(process)))


@hook.guarded()
def _begin(packed: Tuple[Any, ...]) -> None:
    hook.enter(hook.unpack(packed) if packed else None)


def _make_start(original: Any) -> Any:
    def start(self: Any) -> Any:
        token = hook.current()
        if token is None:
            return original(self)
        _mark(self, token)
        try:
            return original(self)
        finally:
            vars(self).pop(_MARK, None)

    return start


def _make_bootstrap(original: Any) -> Any:
    def _bootstrap(self: Any, *args: Any, **kwargs: Any) -> Any:
        packed: Optional[Tuple[Any, ...]] = vars(self).pop(_MARK, None)
        if packed is not None:
            _begin(packed)
        return original(self, *args, **kwargs)

    return _bootstrap


def _seams() -> Any:
    from multiprocessing.process import BaseProcess

    return ((BaseProcess, "start", _make_start), (BaseProcess, "_bootstrap", _make_bootstrap))


patch, unpatch = hook.seams(_seams)
