"""Applies a hook file to its library: version, seams, then ``patch()``. What fails leaves that library as it was.

Runs inside the app's import of the library, so it loads only what the hook needs.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import (  # type: ignore[attr-defined]
    _gcd_import,  # what `importlib.import_module` calls; the package itself may be new to the program
)
from _thread import get_ident

from .. import _adopted, _guard
from .._applied import states
from . import guard, versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, Optional

APPLIED, WAITING, OFF = "applied", "waiting", "off:"


def _of_python(trigger: str) -> bool:
    """Whether a module is of the standard library: half of all programs import those, for whatever reason."""
    origin = getattr(getattr(sys.modules.get(trigger), "__spec__", None), "origin", None) or ""
    home = os.path.dirname(os.__file__) + os.sep
    return not origin.startswith(os.sep) or (origin.startswith(home) and "-packages" + os.sep not in origin)


class Hooks:
    """The wanted hooks: puts their seams in and takes them out.

    `wanted`: trigger -> import names of hook modules; `dormant`: why none is applied, or None. Of libraries that are
    not Python's own, `begun` hears that hooks are applied, and `asleep` that they stay off.
    """

    def __init__(
        self,
        wanted: Mapping[str, List[str]],
        dormant: Optional[str],
        begun: Optional[Callable[[], object]] = None,
        asleep: Optional[Callable[[], object]] = None,
    ) -> None:
        self._wanted = wanted
        self._dormant = dormant
        self._begun = begun
        self._asleep = asleep
        self._seen: Dict[str, None] = {}  # triggers that were imported, in order
        self._applied: Dict[str, None] = {}  # hook modules whose seams are in, in order
        self._leaving: Dict[str, None] = {}  # those of them that cannot take all seams out yet
        self._unfit: Dict[str, None] = {}  # those that do not fit the library as it is
        self._said: Dict[str, None] = {}
        # Triggers that fire in a thread while it applies another hook, because a hook imports something, wait until
        # that one is complete: half an import of ours must not be seen by the next hook.
        self._waiting: Dict[int, List[str]] = {}
        os.register_at_fork(after_in_child=self._waiting.clear)

    def apply(self, trigger: str) -> None:
        """Apply the hooks of a trigger that has been imported; once more after a reload. Never raises."""
        me = get_ident()
        self._seen[trigger] = None
        if me in self._waiting:
            self._waiting[me].append(trigger)
            return
        queue = self._waiting[me] = [trigger]
        try:
            while queue:
                first = queue.pop(0)
                heard = self._begun if self._dormant is None else self._asleep
                if heard is not None and not _of_python(first):
                    guard.attempt("start", heard)
                for module in self._wanted.get(first, ()):
                    self._bring(module, again=True)
        finally:
            self._waiting.pop(me, None)

    def leave(self, trigger: str, reason: str) -> None:
        """Note why the hooks of a trigger stay off."""
        for module in self._wanted.get(trigger, ()):
            states[shown(module)] = OFF + reason

    def switch(self, dormant: Optional[str]) -> bool:
        """Take all seams out, for that reason, or put them in again (None). Never raises.

        True: done. False: calls of the app are under way in a library, whose last seams are still in though they change
        nothing any more; to be called again. A library whose import another thread has not finished is brought into
        line by that thread.
        """
        self._dormant = dormant
        for trigger in list(self._seen) if dormant is None else ():
            for module in self._wanted.get(trigger, ()):
                if module not in self._unfit and self._bring(module, again=False):
                    guard.attempt("hook " + shown(module), _announce, module)
        for module in list(self._applied)[::-1] if dormant is not None else ():
            self._bring(module, again=False)
        return not self._leaving

    def _bring(self, module: str, *, again: bool) -> bool:
        """Bring one hook into line with what is wanted; `again`: patch though it was. True: it was patched now."""
        patched = False
        while True:
            dormant = self._dormant
            if dormant is not None:
                self._off(module, dormant)
            elif again or module not in self._applied or module in self._leaving:
                patched = self._on(module)
            if dormant is self._dormant:
                return patched
            again = False  # another thread switched meanwhile

    def _on(self, module: str) -> bool:
        name = shown(module)

        def off(reason: str) -> None:
            states[name] = OFF + reason
            self._unfit[module] = None

        self._unfit.pop(module, None)
        unfit = guard.attempt("hook " + name, _patch, module, failed=off)
        if unfit:
            if unfit not in self._said:  # one line for a library, however many hooks it has
                self._said[unfit] = None
                _guard.report("hook " + name, unfit)
            off(unfit)
        elif unfit is not None:
            states[name] = APPLIED
            self._leaving.pop(module, None)
            self._applied[module] = None
            return True
        return False

    def _off(self, module: str, reason: str) -> None:
        name = shown(module)
        if module not in self._applied:
            states[name] = OFF + reason
        elif guard.attempt("hook %s, unpatch" % name, _unpatch, module) is False:
            states[name] = OFF + reason + " (calls are under way)"
            self._leaving[module] = None
        else:
            states[name] = OFF + reason
            self._leaving.pop(module, None)
            self._applied.pop(module, None)


def shown(module: str) -> str:
    """The name of a hook for people: the file's name for ours, the import name for others."""
    return module[len("meshrun_hooks.") :] if module.startswith("meshrun_hooks.") else module


def _patch(name: str) -> str:
    """Patch the library, or answer why the hook does not fit it."""
    hook = module(name)
    unfit = _wrong_version(hook) or next(filter(None, map(_lacks, hook.SEAMS)), "")
    if not unfit:
        guard.whole(hook.patch, hook.unpatch, "hook %s, unpatch" % shown(name))
        if getattr(hook, "SERVES", False):
            _adopted.early(os.environ)
    return unfit


def _unpatch(name: str) -> Optional[bool]:
    """Take the hook's seams out; False: not all of them yet."""
    done: Optional[bool] = module(name).unpatch()
    return done


def _announce(name: str) -> None:
    """The hook was patched late: what its library runs already is told as if it began now."""
    running = getattr(module(name), "running", None)
    if running is not None:
        running()


def _wrong_version(hook: Any) -> str:
    where = getattr(hook, "VERSION", None)
    if where is None:  # a module of the standard library
        version = ".".join(str(number) for number in sys.version_info[:3])
    elif where[1] is None:
        version = versions.installed(where[0])
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
    return sys.modules.get(name) or _gcd_import(name)
