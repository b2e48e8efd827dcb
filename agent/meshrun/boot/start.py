"""Starts meshrun in this process: chooses the hooks, puts the import finder in, catches up with what is loaded."""

from __future__ import annotations

import os
import sys

from .. import _applied, _guard
from . import apply, crash, guard, selection, switch
from .finder import ImportFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

CRASHED = (
    "this command died within 10 s of its start three times in a row, so this time meshrun leaves it alone; the next"
    " start tries again"
)


def start(environ: Mapping[str, str], own: Any = None) -> None:
    """Put the finder in, once per process. Modules imported before are patched now.

    The caller has imported ``meshrun_hooks``; `own` is the finder by which it did, for what is to come.
    """
    if any(isinstance(finder, ImportFinder) for finder in sys.meta_path):
        return
    triggers = wanted(environ, sys.modules["meshrun_hooks"].TABLE)
    hooks = _hooks(environ, triggers)
    finder = ImportFinder(triggers, hooks.apply, own)
    sys.meta_path.insert(0, finder)
    os.register_at_fork(after_in_child=finder.forget_threads)
    for trigger in triggers:
        module = sys.modules.get(trigger)
        if module is None:
            continue
        _applied.early.append(trigger)
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            hooks.leave(trigger, "its import was under way when meshrun started")
        else:
            hooks.apply(trigger)


def _hooks(environ: Mapping[str, str], triggers: Mapping[str, List[str]]) -> apply.Hooks:
    """The hooks, dormant where that is asked for: by the mode, the kill switch or the crash guard."""
    uid = os.getuid()
    state = switch.state_dir(environ, uid)
    reason = switch.dormant(environ, state)
    mark: Optional[crash.Guard] = None
    if reason is None:
        places = [state] if state is not None else switch.state_dirs(environ, uid)
        mark, crashed = guard.attempt("crash guard", crash.guard, environ, places) or (None, False)
        if crashed:
            reason, mark = crash.REASON, None
            _guard.report(crash.REASON, CRASHED)
    hooks = apply.Hooks(triggers, reason, mark.begin if mark is not None else None, _waker(reason))
    _applied.dormant = reason
    _applied.switch = hooks.switch
    _applied.crash = mark
    return hooks


def _waker(reason: Optional[str]) -> Optional[Callable[[], object]]:
    """What lets a process that starts dormant hear that it may wake; None: it may not, or is not dormant."""
    if reason is None or not switch.wakes(reason):
        return None
    from .wake import Waker  # noqa: PLC0415 - a process that starts awake needs none

    return Waker().start


def wanted(environ: Mapping[str, str], table: Mapping[str, str]) -> Dict[str, List[str]]:
    """Trigger -> import names of the hook modules that ``MESHRUN_HOOKS`` asks for; notes the state of each."""
    chosen = selection.select(environ.get("MESHRUN_HOOKS", ""), table)
    for word in chosen.unknown:
        known = ", ".join(sorted({trigger.partition(".")[0] for trigger in table}))
        _guard.report("MESHRUN_HOOKS", "no hook is called %r; there are %s" % (word, known))
    for hook in chosen.off:
        _applied.states[hook] = apply.OFF + "MESHRUN_HOOKS"
    triggers = {trigger: ["meshrun_hooks." + hook] for trigger, hook in chosen.wanted.items()}
    for name in chosen.third_party:
        module = name.replace(":", ".")
        for trigger in guard.attempt("hook " + module, _triggers_of, module) or ():
            triggers.setdefault(trigger, []).append(module)
    for modules in triggers.values():
        _applied.states.update((apply.shown(module), apply.WAITING) for module in modules)
    return triggers


def _triggers_of(module: str) -> Sequence[str]:
    found: Sequence[str] = apply.module(module).TRIGGERS
    return found
