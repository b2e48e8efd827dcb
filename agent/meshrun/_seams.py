"""Seams: puts a function of ours in the place of an attribute, and the original back, for every hook alike."""

from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Collection, Dict, Iterable, Optional, Tuple

    Listed = Callable[[], Iterable[Tuple[Any, str, Callable[[Any], Any]]]]


_replaced: Dict[Tuple[int, str], Tuple[Any, str, Any, Any, bool, Any]] = {}
_replacing = _thread.RLock()
"""A switch of modes in one thread may meet an import in another. Nothing is imported while it is held."""


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put ``make(original)`` in the place of ``owner.name``; raises AttributeError if the seam is gone. Idempotent.

    The new function carries the original's name, qualified name, module, documentation, annotations and attributes,
    so that pickling by name, signatures and tracebacks read as before.
    """
    with _replacing:
        known = _replaced.get((id(owner), name))
        # Else it is new, or the module was reloaded and its functions are bare again.
        if known is None or not _holds(vars(owner).get(name), known[3]):
            _put(owner, name, make)


def _put(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    own = name in vars(owner)
    original = vars(owner)[name] if own else getattr(owner, name)
    # A function that stands under two names stays one: pickle finds it by its own.
    new = next((one[3] for one in _replaced.values() if one[2] is original and one[5] is make), None)
    if new is None:
        new = _dressed(make(_called_plainly(owner, original)), original)
    setattr(owner, name, new)
    _replaced[id(owner), name] = (owner, name, original, new, own, make)


def _dressed(new: Any, original: Any) -> Any:
    """Ours, as the original looks."""
    for attribute in ("__name__", "__qualname__", "__doc__"):
        if hasattr(original, attribute):
            setattr(new, attribute, getattr(original, attribute))
    # A method of C has neither; ours would be those of the hook.
    new.__module__ = getattr(original, "__module__", None)
    new.__annotations__ = getattr(original, "__annotations__", {})
    new.__dict__.update(getattr(original, "__dict__", {}))
    new.__wrapped__ = original
    return new


def _called_plainly(owner: Any, original: Any) -> Any:
    """What a hook calls as ``original(self, ...)``: the attribute of a class, bound as the interpreter binds it.

    Another agent's wrapper may be a descriptor that learns by ``__get__`` whose method it is; called without, it takes
    the object for the first argument. Its type says so: it answers `isinstance` as the function that it wraps.
    """
    if type(original) is _FUNCTION or not isinstance(owner, type) or not hasattr(type(original), "__get__"):
        return original

    def bound(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original.__get__(self, type(self))(*args, **kwargs)

    return bound


_FUNCTION = type(_called_plainly)


_MOST_WRAPPERS = 64


def _holds(outer: Any, ours: Any) -> bool:
    """Whether `ours` is `outer` or lies under the wrappers that others put on it.

    They say what they wrap, or are functions that have it in their closure; nothing else there is looked at.
    """
    ahead = [outer]
    for _ in range(_MOST_WRAPPERS):
        if not ahead:
            break
        one = ahead.pop()
        if one is ours:
            return True
        if type(one) is _FUNCTION:
            ahead += [under for under in map(_contents, one.__closure__ or ()) if type(under) is _FUNCTION]
        ahead += [under for under in (getattr(one, "__func__", None), getattr(one, "__wrapped__", None)) if under]
    return False


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def restore(owner: Any, name: str) -> None:
    """Undo `replace`. Where somebody wrapped ours since, theirs stays.

    Ours below it then answers as untouched by itself, since the mode that takes seams out is dormant.
    """
    with _replacing:
        entry = _replaced.get((id(owner), name))
        if entry is None:
            return
        _, _, original, new, own, _ = entry
        if vars(owner).get(name) is not new:
            return
        if own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)
        del _replaced[id(owner), name]


def _forget_threads() -> None:
    """In a forked child: the thread that held the lock is not here."""
    global _replacing  # noqa: PLW0603 -- there is one
    _replacing = _thread.RLock()


os.register_at_fork(after_in_child=_forget_threads)


def seams(
    listed: Listed, deciding: Collection[str] = (), under_way: Optional[Callable[[], bool]] = None
) -> Tuple[Callable[[], None], Callable[[], bool]]:
    """``patch`` and ``unpatch`` of a hook file, from its function that answers (owner, name, make) of each seam.

    That function imports the library, so it runs when one of the two does, not before. Both go by `replace` and
    `restore`; `patch` raises AttributeError if a seam is gone. `unpatch` answers True when all seams are out. As long
    as there are calls `under_way` it takes out only the seams named in `deciding`, so that no new call begins, answers
    False, and is called again: what is under way still needs the others to end as it began.
    """

    def patch() -> None:
        for owner, name, make in listed():
            replace(owner, name, make)

    def unpatch() -> bool:
        all_of_them = list(listed())
        for owner, name, _ in all_of_them:
            if name in deciding:
                restore(owner, name)
        if under_way is not None and under_way():
            return False
        for owner, name, _ in all_of_them:
            restore(owner, name)
        return True

    return patch, unpatch
