"""Starts meshrun in this process: chooses the hooks, puts the import finder in, catches up with what is loaded."""

from __future__ import annotations

import os
import sys

from .. import _applied, _guard
from . import apply, guard, selection, switch
from .finder import ImportFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Mapping, Sequence


def start(environ: Mapping[str, str]) -> bool:
    """Put the finder in, once per process; False if there is one. Modules imported before are patched now.

    The caller has imported ``meshrun_hooks``.
    """
    if any(isinstance(finder, ImportFinder) for finder in sys.meta_path):
        return False
    triggers = wanted(environ, sys.modules["meshrun_hooks"].TABLE)
    hooks = apply.Hooks(triggers, switch.dormant(environ, os.getuid()))
    finder = ImportFinder(triggers, hooks.apply)
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
    return True


def wanted(environ: Mapping[str, str], table: Mapping[str, str]) -> Dict[str, List[str]]:
    """Trigger -> import names of the hook modules that ``MESHRUN_HOOKS`` asks for; notes the state of each."""
    chosen = selection.select(environ.get("MESHRUN_HOOKS", ""), table)
    for word in chosen.unknown:
        known = ", ".join(sorted(set(table.values())))
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
