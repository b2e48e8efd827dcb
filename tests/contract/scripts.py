"""What the apps of the client contract do. Each function runs in a process of its own, with or without meshrun.

A script gets the driver class and a plan (JSON) and answers JSON. Plain scripts import nothing of ours.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import importlib
import inspect
import os
import pickle
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple, Type, Union

from tests.contract.drivers import Ask, Driver, Options, Reply

Plan = Dict[str, Any]
Kind = Type[Driver]


@contextlib.contextmanager
def client(kind: Kind, plan: Plan) -> Iterator[Driver]:
    """An open client with the plan's options."""
    driver = kind(Options(**plan.get("options", {})))
    driver.open()
    try:
        yield driver
    finally:
        driver.close()


def asks(plan: Plan) -> List[Ask]:
    """The plan's requests."""
    found = []
    for fields in plan["asks"]:
        body = fields.get("body")
        found.append(Ask(**dict(fields, body=None if body is None else body.encode("latin-1"))))
    return found


def outcome(result: Union[Reply, BaseException]) -> Dict[str, Any]:
    """A response or an error as JSON; object addresses in texts are taken out."""
    if isinstance(result, Reply):
        fields = result._asdict()
        return dict(fields, body=result.body.decode("latin-1"), error=None)
    kind = type(result)
    return {
        "error": "%s.%s" % (kind.__module__, kind.__qualname__),
        "kinds": [base.__qualname__ for base in kind.__mro__],
        "text": re.sub(r"0x[0-9a-f]+", "0x", str(result)),
        "status": None,
    }


def attempt(driver: Driver, ask: Ask) -> Dict[str, Any]:
    """One request and how it ended."""
    try:
        return outcome(driver.call(ask))
    except Exception as error:  # noqa: BLE001 -- whatever the library raises is the observation
        return outcome(error)


def calls(kind: Kind, plan: Plan) -> List[Dict[str, Any]]:
    """Every request of the plan in turn, on one client; ``pause`` seconds between them."""
    results = []
    with client(kind, plan) as driver:
        for ask in asks(plan):
            results.append(attempt(driver, ask))
            time.sleep(plan.get("pause", 0))
    return results


def together(kind: Kind, plan: Plan) -> List[Dict[str, Any]]:
    """Every request of the plan at the same time, on one client."""
    with client(kind, plan) as driver:
        return [outcome(result) for result in driver.together(asks(plan))]


def counted(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """As `calls`, and what meshrun counted and still holds in flight."""
    results = calls(kind, plan)
    return dict(_state(), results=results)


def counted_together(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """As `together`, and what meshrun counted and still holds in flight."""
    results = together(kind, plan)
    return dict(_state(), results=results)


def cancelled(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """The first request is cancelled under way; the others follow."""
    first, *others = asks(plan)
    with client(kind, plan) as driver:
        driver.cancelled(first, plan["after"])
        results = [attempt(driver, ask) for ask in others]
    return dict(_state(), results=results)


def _state() -> Dict[str, Any]:
    """Decisions counted (label values without the first two, joined), calls in flight, failures of ours."""
    if "meshrun.hook" not in sys.modules:
        return {"counts": {}, "inflight": 0, "errors": {}}
    from meshrun import _guard, hook

    process: Any = hook._process
    if process is None:
        return {"counts": {}, "inflight": 0, "errors": dict(_guard.errors)}
    return {
        "counts": {" ".join(key[2:]): number for key, number in process.requests.items() if key[0] == "outbound"},
        "inflight": sum(len(calls) for calls in process.local.inflight.values()),
        "errors": dict(_guard.errors),
    }


def coloured(kind: Kind, plan: Plan) -> List[Dict[str, Any]]:
    """Each request of the plan inside a served request with the headers at the same place in ``inbound``."""
    from meshrun import hook

    results = []
    with client(kind, plan) as driver:
        for ask, headers in zip(asks(plan), plan["inbound"]):
            with hook.inbound([(pair[0], pair[1]) for pair in headers], "GET", "/", "127.0.0.1"):
                results.append(attempt(driver, ask))
    return results


def dropped(kind: Kind, plan: Plan) -> Dict[str, int]:
    """Sockets of this process before the client, while it is used, and after it was dropped without a collection."""
    gc.disable()
    driver = kind(Options(**plan.get("options", {})))
    before = _sockets()
    driver.open()
    for ask in asks(plan):
        driver.call(ask)
    during = _sockets()
    driver.drop()
    after = _sockets()
    return {"before": before, "during": during, "after": after}


def closed(kind: Kind, plan: Plan) -> Dict[str, int]:
    """Sockets of this process before the client, while it is used, and after it was closed."""
    gc.disable()
    driver = kind(Options(**plan.get("options", {})))
    before = _sockets()
    driver.open()
    for ask in asks(plan):
        driver.call(ask)
    during = _sockets()
    driver.close()
    return {"before": before, "during": during, "after": _sockets()}


def _sockets() -> int:
    """Network sockets that this process holds, those of the agent's own admin socket left out."""
    found = 0
    tcp = {line.split()[9] for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]}
    for name in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(name))
            found += bool(match and match.group(1) in tcp)
    return found


def untouched_headers(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """A call with a dict of the app's, behind one without; whether the dict is the same afterwards."""
    [ask] = asks(plan)
    mine = dict(ask.headers)
    given = copy.deepcopy(mine)
    with client(kind, plan) as driver:
        attempt(driver, ask._replace(headers={}))
        result = attempt(driver, ask._replace(headers=given))
    return dict(result, same=list(given.items()) == list(mine.items()))


def pickled(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """The app's objects go through pickle, in use as they are, and still work; their classes are the library's."""
    with client(kind, plan) as driver:
        before = [attempt(driver, ask) for ask in asks(plan)]
        again = [type(pickle.loads(pickle.dumps(thing))).__name__ for thing in driver.pickles()]
        names = [type(thing).__name__ for thing in driver.pickles()]
        right = [
            isinstance(thing, base) and type(thing).__module__ == base.__module__ for thing, base in driver.objects()
        ]
    return {"before": before, "again": again, "names": names, "right": right}


def sabotaged(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """As `counted`, while functions of ours raise. Each of ``break`` is ``module:path.to.function``."""
    for place in plan["break"]:
        home, _, path = place.partition(":")
        *owners, name = path.split(".")
        owner: Any = importlib.import_module(home)
        for part in owners:
            owner = getattr(owner, part)
        setattr(owner, name, property(_broken) if isinstance(vars(owner).get(name), property) else _broken)
    return counted(kind, plan)


def _broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("broken on purpose")


def seams(kind: Kind) -> List[Tuple[str, Any, str]]:
    """Every seam of the driver's hook: its name, its owner, the attribute."""
    importlib.import_module(kind.library)
    found = []
    for seam in importlib.import_module(kind.hook).SEAMS:
        home, _, path = seam.partition(" ")[0].partition(":")
        *owners, name = path.split(".")
        owner: Any = importlib.import_module(home)
        for part in owners:
            owner = getattr(owner, part)
        found.append((seam, owner, name))
    return found


def _held(kind: Kind) -> Dict[str, Any]:
    return {seam: vars(owner).get(name, "inherited") for seam, owner, name in seams(kind)}


def patching(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """The app imported the library first, meshrun comes later: patch twice, call, unpatch, call."""
    before = _held(kind)
    signatures = [str(inspect.signature(getattr(owner, name))) for _, owner, name in seams(kind)]
    hook = importlib.import_module(kind.hook)
    hook.patch()
    once = _held(kind)
    hook.patch()
    twice = _held(kind)
    new = [str(inspect.signature(getattr(owner, name))) for _, owner, name in seams(kind)]
    named = [
        (getattr(owner, name).__name__, getattr(owner, name).__qualname__, getattr(owner, name).__module__)
        for _, owner, name in seams(kind)
    ]
    patched = counted(kind, plan)
    hook.unpatch()
    after = _held(kind)
    return {
        "patched": all(once[seam] is not before[seam] for seam in before),
        "idempotent": all(once[seam] is twice[seam] for seam in before),
        "restored": all(after[seam] is before[seam] for seam in before),
        "signatures": new == signatures,
        "named": named,
        "result": patched,
        "unpatched": calls(kind, plan),
        "state": _state(),
    }


def wrapped_above(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Another agent wraps every seam after us; unpatching leaves its wrappers in place and working."""
    seen: List[str] = []
    importlib.import_module(kind.library)
    wrappers = {}
    for seam, owner, name in seams(kind):
        wrappers[seam] = _wrapper(getattr(owner, name), seam, seen)
        setattr(owner, name, wrappers[seam])
    first = counted(kind, plan)
    number = len(seen)
    importlib.import_module(kind.hook).unpatch()
    kept = all(vars(owner)[name] is wrappers[seam] for seam, owner, name in seams(kind))
    second = calls(kind, plan)
    return {"first": first, "seen": sorted(set(seen)), "kept": kept, "second": second, "more": len(seen) > number}


def wrapped_below(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Another agent wrapped every seam before us."""
    seen: List[str] = []
    wrappers = {}
    for seam, owner, name in seams(kind):
        wrappers[seam] = _wrapper(getattr(owner, name), seam, seen)
        setattr(owner, name, wrappers[seam])
    hook = importlib.import_module(kind.hook)
    hook.patch()
    first = counted(kind, plan)
    hook.unpatch()
    kept = all(vars(owner)[name] is wrappers[seam] for seam, owner, name in seams(kind))
    return {"first": first, "seen": sorted(set(seen)), "kept": kept}


def _wrapper(original: Any, seam: str, seen: List[str]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        seen.append(seam)
        return original(*args, **kwargs)

    return wrapper


def threads(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """One client shared by threads, each inside a served request with its own headers (``inbound``)."""
    from meshrun import hook

    results: List[List[Dict[str, Any]]] = [[] for _ in plan["inbound"]]
    with client(kind, plan) as driver:

        def work(place: int, headers: Sequence[Sequence[str]]) -> None:
            for ask in asks(plan):
                with hook.inbound([(pair[0], pair[1]) for pair in headers], "GET", "/", "127.0.0.1"):
                    results[place].append(attempt(driver, ask))

        running = [threading.Thread(target=work, args=item) for item in enumerate(plan["inbound"])]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    return dict(_state(), results=results)
