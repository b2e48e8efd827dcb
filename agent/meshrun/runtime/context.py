"""The one context variable: the request that this task, thread or greenlet serves, or works for.

Light, because a spawned process that was handed a colour reads it before it has the rest of the runtime.
"""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in `meshrun.hook`
    from typing import Callable, Optional, Union

    from ..core.model import Pairs
    from .inbound import Request

    Current = Union[Request, "Carried", "Lost"]
    """What `CURRENT` holds: all that a call reads of it are `colour`, `carried` and `trusted`."""

CURRENT: ContextVar[Optional[Current]] = ContextVar("meshrun_request", default=None)


class Carried:
    """The part of another process's request that follows its work into this one."""

    __slots__ = ("carried", "colour", "trusted")

    def __init__(self, colour: Pairs, carried: Pairs, trusted: bool) -> None:
        self.colour = colour
        self.carried = carried
        self.trusted = trusted


class Lost:
    """Stands where something was spawned during a coloured request and does not get its colour.

    A call asks for `colour` once, when it is known to go to the mesh: that is how such calls are counted, at no cost
    for all others.
    """

    __slots__ = ("library",)
    carried: Pairs = ()
    trusted = True

    def __init__(self, library: str) -> None:
        self.library = library

    @property
    def colour(self) -> Pairs:
        """As of a call outside of any request. Reading it counts a call under this `library`."""
        return lost_call(self.library)


def _no_call(_library: str) -> Pairs:
    return ()


lost_call: Callable[[str], Pairs] = _no_call
"""Set by the process: counts a call that lost its colour, and answers the colour that it has instead."""
