"""Takes the current request into threads, executors, processes and greenlets: what stands behind the hooks of those.

Light, as `context` is.
"""

from __future__ import annotations

from contextvars import Context

from .. import _guard
from . import loops
from .context import CURRENT, Carried, Lost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping, Optional, Tuple, TypeVar

    from .context import Current

    _T = TypeVar("_T")


def current() -> Optional[Current]:
    """The request that the running code works for, if there is anything of it that must follow; else None."""
    request = CURRENT.get()
    if request is None or request.__class__ is Lost:
        return None
    # One that is not trusted follows too: a colour that the app copies from it does not count elsewhere either.
    return request if request.colour or request.carried or not request.trusted else None


@_guard.guarded(where="inherited")
def inherited(
    token: Current, library: str, function: Optional[Callable[..., Any]], kind: Optional[type] = None
) -> Optional[Current]:
    """What is to be current in something that is spawned now; None: nothing.

    `library`: the seam, as ``meshrun_colour_lost_total`` names it. `function`: what will run; `kind`: the class of the
    thread, process or greenlet, None for a task that a pool will run.
    """
    found = loops.known(function, kind)
    if found is None or (found is loops.POOL and kind is None):
        return token
    return Lost(library) if found is loops.LOOP and token.colour else None


def run(
    token: Optional[Current], function: Callable[..., _T], args: Tuple[Any, ...] = (),
    kwargs: Optional[Mapping[str, Any]] = None,
) -> _T:  # fmt: skip
    """Call `function` with `token` current."""
    mark = CURRENT.set(token)
    try:
        return function(*args, **kwargs) if kwargs else function(*args)
    finally:
        CURRENT.reset(mark)
        # The frames of an exception outlive the call: they must not keep alive what the library lets go.
        del function, args, kwargs


def enter(token: Optional[Current]) -> None:
    """Let `token` be current from here on: for what has a context of its own, and the loop of a worker process."""
    CURRENT.set(token)


def context(token: Current) -> Context:
    """A new context with nothing in it but `token`."""
    made = Context()
    made.run(CURRENT.set, token)
    return made


def pack(token: Optional[Current]) -> Tuple[Any, ...]:
    """`token` as plain values, for another process."""
    if token is None:
        return ()
    if isinstance(token, Lost):
        return (token.library,)
    return (token.colour, token.carried, token.trusted)


def unpack(packed: Tuple[Any, ...]) -> Optional[Current]:
    """The token that `pack` took apart."""
    if len(packed) == 1:
        return Lost(packed[0])
    return Carried(*packed) if packed else None
