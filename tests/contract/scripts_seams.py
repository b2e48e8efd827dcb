"""What apps of the client contract see at the seams: tracebacks, warnings, cycles, lifetimes, wrappers of others."""

from __future__ import annotations

import gc
import importlib
import sys
import traceback
import warnings
import weakref
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import wrapt

from tests.contract.drivers import Options
from tests.contract.scripts import Kind, Plan, _held, asks, attempt, calls, client, counted, seams

ROUNDS = 5


def raised(kind: Kind, plan: Plan) -> List[Any]:
    """How each request fails: the chain of exceptions, each with its frames; frames of ours are listed apart."""
    found = []
    with client(kind, plan) as driver:
        for ask in asks(plan):
            try:
                driver.call(ask)
            except Exception as error:  # noqa: BLE001 -- whatever the library raises is the observation
                found.append(_chain(error))
            else:
                found.append([])
    return found


def _chain(error: Optional[BaseException]) -> List[Dict[str, Any]]:
    links: List[Dict[str, Any]] = []
    while error is not None and len(links) < 20:
        stack = traceback.extract_tb(error.__traceback__)
        frames = [(Path(each.filename).name, each.name, _ours(each.filename)) for each in stack]
        links.append(
            {
                "kind": type(error).__qualname__,
                "cause": type(error.__cause__).__qualname__,
                "suppressed": error.__suppress_context__,
                "frames": [frame[:2] for frame in frames if not frame[2]],
                "ours": sum(frame[2] for frame in frames),
            }
        )
        error = error.__cause__ or error.__context__
    return links


def _ours(filename: str) -> bool:
    return "/meshrun" in filename and "/tests/" not in filename


def warned(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Every warning of the calls, with the place that it is told of."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        results = calls(kind, plan)
        gc.collect()
    told = [
        (each.category.__name__, str(each.message)[:60].partition("<")[0], Path(each.filename).name, each.lineno)
        for each in seen
    ]
    return {"results": [result["status"] for result in results], "warned": sorted(told)}


def cyclic(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """What only a collection would free after the same calls over and over, good ones and bad ones."""
    with client(kind, plan) as driver:
        for _ in range(2):
            for ask in asks(plan):
                attempt(driver, ask)
        gc.collect()
        gc.disable()
        for _ in range(ROUNDS):
            for ask in asks(plan):
                attempt(driver, ask)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found = Counter("%s.%s" % (type(one).__module__, type(one).__qualname__) for one in gc.garbage)
        gc.set_debug(0)
        gc.garbage.clear()
    return {"ours": {name: number for name, number in found.items() if "meshrun" in name}, "all": dict(found)}


def dying(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Which of the app's objects are gone once the app has dropped them, without a collection."""
    gc.collect()
    gc.disable()
    driver = kind(Options(**plan.get("options", {})))
    driver.open()
    for ask in asks(plan):
        attempt(driver, ask)
    refs: List[Tuple[str, Any]] = [(type(one).__qualname__, weakref.ref(one)) for one, _ in driver.objects()]
    driver.drop()
    return {"alive": [name for name, ref in refs if ref() is not None]}


def wrapt_above(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """An agent that wraps with wrapt comes after us; it goes as such agents go; it comes again, we are switched."""
    importlib.import_module(kind.library)
    ours = _held(kind)
    seen = _wrap(kind)
    theirs = _held(kind)
    first = counted(kind, plan)
    hook = importlib.import_module(kind.hook)
    hook.unpatch()
    kept = all(_held(kind)[seam] is theirs[seam] for seam in theirs)
    hook.patch()
    once = all(_held(kind)[seam] is theirs[seam] for seam in theirs)
    second = counted(kind, plan)
    _unwrap(kind, ours)
    back = all(_held(kind)[seam] is ours[seam] for seam in ours)
    return {"first": first, "second": second, "kept": kept, "once": once, "back": back, "seen": _told(seen)}


def wrapt_below(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """An agent that wraps with wrapt was there before us; we go before it, and it works on."""
    importlib.import_module(kind.library)
    bare = _held(kind)
    seen = _wrap(kind)
    theirs = _held(kind)
    hook = importlib.import_module(kind.hook)
    hook.patch()
    first = counted(kind, plan)
    hook.unpatch()
    kept = all(_held(kind)[seam] is theirs[seam] for seam in theirs)
    _unwrap(kind, bare)
    back = all(_held(kind)[seam] is bare[seam] for seam in bare)
    return {"first": first, "kept": kept, "back": back, "seen": _told(seen)}


def _wrap(kind: Kind) -> Dict[str, List[bool]]:
    """Wrap each seam; note whether the wrapper was told whose method it is."""
    seen: Dict[str, List[bool]] = {}
    for seam, owner, name in seams(kind):
        told: List[bool] = []
        seen[seam] = told

        def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any, told: Any = told, owner: Any = owner) -> Any:
            told.append(isinstance(instance, owner) and not any(arg is instance for arg in args))
            return wrapped(*args, **kwargs)

        wrapt.wrap_function_wrapper(owner, name, wrapper)
    return seen


def _unwrap(kind: Kind, before: Dict[str, Any]) -> None:
    for seam, owner, name in seams(kind):
        stands = vars(owner)[name]
        if type(stands) is not wrapt.FunctionWrapper:
            continue
        if before[seam] == "inherited":
            delattr(owner, name)
        else:
            setattr(owner, name, stands.__wrapped__)


def _told(seen: Dict[str, List[bool]]) -> Dict[str, bool]:
    return {seam: all(told) for seam, told in seen.items() if told}


def dev_mode(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """As `calls`; whether the interpreter's development mode is on, in which everything is said aloud."""
    results = calls(kind, plan)
    gc.collect()
    return {"statuses": [result["status"] or result["error"] for result in results], "mode": sys.flags.dev_mode}
