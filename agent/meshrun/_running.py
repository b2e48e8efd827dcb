"""What the program runs already, for hooks whose seams come in late: its objects, and the calls that are under way."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Tuple


def alive(*kinds: type) -> List[Any]:
    """The objects of these classes that the program holds: for what a hook could not see when it was made.

    Looks at every object that there is (milliseconds), so only where the mode changes. Runs no code of the app.
    """
    from gc import get_objects  # noqa: PLC0415 - only where the mode changes

    return [thing for thing in get_objects() if issubclass(type(thing), kinds)]


def inside(*methods: Callable[..., Any]) -> List[Tuple[int, Any]]:
    """The calls of these methods that are under way: the ident of the thread, and the object that was called.

    As `alive`, only where the mode changes, and without running code of the app.
    """
    from inspect import unwrap  # noqa: PLC0415 - only where the mode changes
    from sys import _current_frames  # noqa: PLC0415 - as above

    codes = [unwrap(method).__code__ for method in methods]
    found: List[Tuple[int, Any]] = []
    for thread, frame in _current_frames().items():
        step: Any = frame
        while step is not None:
            if step.f_code in codes:
                found.append((thread, step.f_locals[step.f_code.co_varnames[0]]))
            step = step.f_back
    return found
