"""Applies a hook file to its library: version, seams, then ``patch()``. What fails leaves that library as it was.

Runs inside the app's import of the library, so it loads only what the hook needs.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

from .. import _guard
from .._applied import states
from . import guard, versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional

APPLIED, WAITING, OFF = "applied", "waiting", "off:"


class Hooks:
    """The wanted hooks. `wanted`: trigger -> import names of hook modules; `dormant`: why none is applied, or None."""

    def __init__(self, wanted: Mapping[str, List[str]], dormant: Optional[str]) -> None:
        self._wanted = wanted
        self._dormant = dormant
        # Triggers that fire in a thread while it applies another hook, because a hook imports something, wait until
        # that one is complete: half an import of ours must not be seen by the next hook.
        self._waiting: Dict[int, List[str]] = {}
        os.register_at_fork(after_in_child=self._waiting.clear)

    def apply(self, trigger: str) -> None:
        """Apply the hooks of a trigger that has been imported; once more after a reload. Never raises."""
        me = get_ident()
        if me in self._waiting:
            self._waiting[me].append(trigger)
            return
        queue = self._waiting[me] = [trigger]
        try:
            while queue:
                for module in self._wanted.get(queue.pop(0), ()):
                    self._apply(module)
        finally:
            self._waiting.pop(me, None)

    def leave(self, trigger: str, reason: str) -> None:
        """Note why the hooks of a trigger stay off."""
        for module in self._wanted.get(trigger, ()):
            states[shown(module)] = OFF + reason

    def _apply(self, module: str) -> None:
        name = shown(module)
        if self._dormant:
            states[name] = OFF + self._dormant
            return

        def off(reason: str) -> None:
            states[name] = OFF + reason

        unfit = guard.attempt("hook " + name, _patch, module, failed=off)
        if unfit:
            _guard.report("hook " + name, unfit)
            off(unfit)
        elif unfit is not None:
            states[name] = APPLIED


def shown(module: str) -> str:
    """The name of a hook for people: the file's name for ours, the import name for others."""
    return module[len("meshrun_hooks.") :] if module.startswith("meshrun_hooks.") else module


def _patch(name: str) -> str:
    """Patch the library, or answer why the hook does not fit it."""
    hook = module(name)
    unfit = _wrong_version(hook) or next(filter(None, map(_lacks, hook.SEAMS)), "")
    if not unfit:
        guard.whole(hook.patch, hook.unpatch, "hook %s, unpatch" % shown(name))
    return unfit


def _wrong_version(hook: Any) -> str:
    where = getattr(hook, "VERSION", None)
    if where is None:  # a module of the standard library
        version = ".".join(str(number) for number in sys.version_info[:3])
    else:
        version = str(getattr(module(where[0]), where[1]))
    if versions.supported(version, hook.SUPPORTED):
        return ""
    return "%s %s is not supported (%s)" % (hook.LIBRARY, version, ",".join(hook.SUPPORTED))


def _lacks(seam: str) -> str:
    """A seam is ``module:Class.attribute`` or ``module:function``, and may be followed by a space and the reason."""
    home, _, path = seam.partition(" ")[0].partition(":")
    found: Any = module(home)
    for name in path.split("."):
        found = getattr(found, name, None)
        if found is None:
            return "seam %s:%s is gone" % (home, path)
    return ""


def module(name: str) -> Any:
    """Import a module without its packages: ``import a.b`` waits for ``a`` where another thread is importing that."""
    from importlib import import_module  # noqa: PLC0415 - not loaded before the app uses a library

    return sys.modules.get(name) or import_module(name)
