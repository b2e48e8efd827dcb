"""What one hook does to its library, looked at from outside: ``python -m tests.contract.seam_looks HOOK RESULT``.

Runs in a process of its own, without meshrun being started: the hook is patched and taken back by hand.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import importlib
import inspect
import json
import pickle
import sys
import weakref
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

import wrapt

from meshrun_hooks import TABLE


class Seam(NamedTuple):
    """An attribute that a hook replaces."""

    owner: Any
    name: str

    @property
    def held(self) -> Any:
        """What stands there, as it is stored."""
        return vars(self.owner).get(self.name, "inherited")

    def put(self, value: Any) -> None:
        """Replace it."""
        setattr(self.owner, self.name, value)


def seams_of(hook: Any) -> List[Seam]:
    """Those that the hook lists and replaces; what it only calls or sets says so."""
    found = []
    used = False
    for seam in hook.SEAMS:
        place, _, reason = seam.partition(" ")
        used = reason.startswith(("called", "set")) or (used and reason == "as above")
        if used:
            continue
        home, _, path = place.partition(":")
        *owners, name = path.split(".")
        owner: Any = importlib.import_module(home)
        for part in owners:
            owner = getattr(owner, part)
        found.append(Seam(owner, name))
    return found


def look(seam: Seam) -> Dict[str, Any]:
    """All that the app, a debugger or another agent may ask of the attribute."""
    function = getattr(seam.owner, seam.name)
    names = ("__module__", "__name__", "__qualname__", "__doc__")
    seen: Dict[str, Any] = {name: getattr(function, name, None) for name in names}
    inner = type(inspect.unwrap(function)).__name__
    compiled = "cython" in inner or "descriptor" in inner or "builtin" in inner
    asked: List[Callable[[Any], Any]] = [
        inspect.iscoroutinefunction, asyncio.iscoroutinefunction, inspect.isgeneratorfunction,
        inspect.isasyncgenfunction, callable, inspect.isclass, _signature, _file, _hints,
    ]  # fmt: skip
    if not compiled:  # nobody but C sees that a function of Python stands there
        asked += [inspect.isfunction, inspect.ismethod, inspect.isroutine, _pickles, _defaults]
    for question in asked:
        seen[question.__name__] = question(function)
    seen["copied"] = copy.copy(function) is function and copy.deepcopy(function) is function
    seen["weak"] = _weak(function)
    seen["partial"] = functools.partial(function).func is function
    seen["attributes"] = sorted(set(getattr(function, "__dict__", {})) - {"__wrapped__"})
    seen["owner"] = sorted(name for name in dir(seam.owner))
    seen["bases"] = [repr(base) for base in getattr(seam.owner, "__mro__", ())]
    return seen


def _signature(function: Any) -> str:
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):  # a slot, or a function of C
        return "-"


def _weak(function: Any) -> Any:
    try:
        return weakref.ref(function)() is function
    except TypeError:  # so are methods of C, until ours stands there
        return True


def _file(function: Any) -> Any:
    try:
        return inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:
        return "-"


def _hints(function: Any) -> str:
    return str(getattr(function, "__annotations__", None) or None)  # a function of C has none, of Python an empty one


def _pickles(function: Any) -> Any:
    try:
        return pickle.loads(pickle.dumps(function)) is function
    except (AttributeError, pickle.PicklingError):
        return "-"


def _defaults(function: Any) -> Any:
    return [name for name, one in inspect.signature(function).parameters.items() if one.default is not one.empty]


def others(seams: List[Seam], kind: str) -> List[Any]:
    """Another agent's wrapper on each seam: ``wrapt``'s, which tells what it wraps, or a closure that does not."""
    for seam in seams:
        if kind == "wrapt":
            wrapt.wrap_function_wrapper(
                seam.owner, seam.name, lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs)
            )
        else:
            seam.put(_closure(getattr(seam.owner, seam.name)))
    return [seam.held for seam in seams]


def _through(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
    return wrapped(*args, **kwargs)


def _closure(inner: Any) -> Any:
    def closure(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    return closure


def same(one: List[Any], other: List[Any]) -> bool:
    """Whether the same objects stand in both."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other))


def held(seams: List[Seam]) -> List[Any]:
    """What stands on the seams."""
    return [seam.held for seam in seams]


def order(seams: List[Seam]) -> List[List[str]]:
    """The attributes of the owners, as they are iterated."""
    return [[name for name in vars(seam.owner) if not name.startswith("__")] for seam in seams]


def with_others(hook: Any, seams: List[Seam], kind: str) -> Dict[str, bool]:
    """Another agent comes after us, before us, and goes again; modes are switched meanwhile."""
    bare = held(seams)
    seen = {}
    hook.patch()
    ours = held(seams)
    above = others(seams, kind)
    hook.unpatch()
    seen["theirs above stays"] = same(held(seams), above)
    hook.patch()
    seen["no second layer of ours"] = same(held(seams), above)
    for seam, one in zip(seams, ours):
        seam.put(one)  # they go
    hook.unpatch()
    seen["bare when both went"] = _given_back(seams, bare)
    below = others(seams, kind)
    hook.patch()
    seen["ours above theirs"] = not any(a is b for a, b in zip(held(seams), below))
    hook.unpatch()
    seen["theirs below stays"] = same(held(seams), below)
    for seam, one in zip(seams, bare):
        _back(seam, one)
    hook.patch()
    seen["patched again after they went"] = not any(a is b for a, b in zip(held(seams), bare))
    for seam, one in zip(seams, bare):
        _back(seam, one)  # they put back what they had found before us
    hook.patch()
    seen["patched again after they took ours out"] = not any(a is b for a, b in zip(held(seams), bare))
    hook.unpatch()
    seen["bare at last"] = _given_back(seams, bare)
    return seen


def _back(seam: Seam, bare: Any) -> None:
    if isinstance(bare, str):
        if seam.name in vars(seam.owner):
            delattr(seam.owner, seam.name)
    else:
        seam.put(bare)


def _given_back(seams: List[Seam], bare: List[Any]) -> bool:
    return same(held(seams), bare)


def main(name: str, result: str) -> None:
    """Look at the hook of that name."""
    (trigger,) = (trigger for trigger, hook in TABLE.items() if hook == name)
    importlib.import_module(trigger)  # as in an app: the names of its seams may depend on the release
    hook = importlib.import_module("meshrun_hooks." + name)
    seams = seams_of(hook)
    bare, names = held(seams), order(seams)
    before = [look(seam) for seam in seams]
    hook.patch()
    ours = held(seams)
    after = [look(seam) for seam in seams]
    hook.patch()
    twice = held(seams)
    hook.unpatch()
    answer = {
        "before": before,
        "after": after,
        "changed": not any(a is b for a, b in zip(bare, ours)),
        "once": same(ours, twice),
        "restored": same(held(seams), bare),
        "order": order(seams) == names,
        "others": {kind: with_others(hook, seams, kind) for kind in ("wrapt", "closure")},
    }
    watched = [weakref.ref(one) for one in ours]
    del ours, twice
    gc.collect()
    answer["forgotten"] = [ref() is None for ref in watched]
    Path(result).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
