"""The import finder: runs a hook when the app has imported the library that the hook is for.

It also hands on what the boot file's finder gives. Each finder in ``sys.meta_path`` is asked at each import that fails,
and libraries try some of those in every call (httpcore's async pool looks for sniffio four times): so there is one.

It must not be able to harm an import, so it

* takes no import lock: it asks the other finders of ``sys.meta_path`` itself, with the path that it was given
  (``importlib.util.find_spec`` imports the parent package first, and hangs a package whose ``__init__`` waits for a
  thread that imports one of its modules);
* leaves the module as it would be: the loader is the original one again before the module's first line runs;
* applies a hook only when no package above the trigger is still being imported, so that the hook may import the
  library's modules without waiting for anyone.
"""

from __future__ import annotations

import sys
from _frozen_importlib_external import FileLoader
from _thread import get_ident

from . import guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Optional, Sequence, Set, Tuple

_USUAL: Any = FileLoader
_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


class ImportFinder:
    """First in ``sys.meta_path``. `triggers` are names of modules; `apply` is called with one after its import.

    `own`: the boot file's finder, asked last of all for the names that it knows; None: there is none.
    """

    def __init__(self, triggers: Iterable[str], apply: Callable[[str], object], own: Any = None) -> None:
        self._triggers: FrozenSet[str] = frozenset(triggers)
        self._watched: FrozenSet[str] = self._triggers.union(*(packages_above(name) for name in self._triggers))
        self._apply = apply
        self.own = own
        self._known = self._watched if own is None else self._watched.union(own.names)
        self._walking: Set[Tuple[int, str]] = set()  # (thread, module) that the other finders are being asked for
        self._running: Set[str] = set()  # watched modules whose code runs now, in any thread
        self._pending: Dict[str, None] = {}  # triggers that ran; their hooks wait for a package above, in order

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """Part of the import protocol: what the finders behind us say, with the loader watched; None: not ours."""
        if name not in self._known:
            return None
        watched = name in self._watched
        if not (watched or self.own.gives(name)):
            return None
        # Another agent's finder may walk the list as we do: the second time round in one thread we step aside.
        mark = (get_ident(), name)
        if mark in self._walking:
            return None
        self._walking.add(mark)
        try:
            spec = self._ask_others(name, path, target)
        finally:
            self._walking.discard(mark)
        if not watched:
            given: Optional[ModuleSpec] = self.own.find_spec(name) if spec is None else spec
            return given
        if spec is not None and spec.loader is not None:
            guard.attempt("import finder", self._watch, spec)
        return spec

    def _ask_others(
        self, name: str, path: Optional[Sequence[str]], target: Optional[ModuleType]
    ) -> Optional[ModuleSpec]:
        finders = list(sys.meta_path)
        behind = finders[finders.index(self) + 1 :] if self in finders else finders
        for finder in behind:
            find_spec = getattr(finder, "find_spec", None)
            if find_spec is None:
                # A finder of the old protocol (gone in 3.12): if it knows the module, the import goes on without us.
                find_module = getattr(finder, "find_module", None) if sys.version_info < (3, 12) else None
                if find_module is not None and find_module(name, path) is not None:
                    return None
                continue
            spec: Optional[ModuleSpec] = find_spec(name, path, target)
            if spec is not None:
                return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        if not isinstance(loader, _USUAL):
            spec.loader = _WatchedLoader(spec, self._around)  # type: ignore[assignment]
            return
        # The usual loaders are made anew for each spec, so ours can stand on the object and vanish from it before it
        # runs: its type, and all that anyone may ask it, stay as they are.
        if "exec_module" in vars(loader):
            return
        execute = loader.exec_module

        def restore(_module: object) -> None:
            vars(loader).pop("exec_module", None)

        loader.exec_module = self._around(spec.name, execute, restore)

    def _around(self, name: str, execute: Callable[[Any], Any], restore: Callable[[Any], None]) -> Callable[[Any], Any]:
        running, finished = self._running, self._finished

        def run(module: Any) -> Any:
            restore(module)
            running.add(name)
            try:
                result = execute(module)
            finally:
                running.discard(name)
            guard.attempt("import finder", finished, name)
            return result

        # Part of the import system for whoever looks at the stack: tracebacks of a failing import leave this frame
        # out, and `warnings.warn(stacklevel=2)` in a library still points to the line that imported it.
        run.__code__ = run.__code__.replace(co_filename=_IMPORT_SYSTEM)
        return run

    def _finished(self, name: str) -> None:
        if name in self._triggers:
            self._pending[name] = None
        for trigger in tuple(self._pending):
            under = (trigger + ".").startswith(name + ".")
            ready = under and self._running.isdisjoint(packages_above(trigger))
            # Whoever takes it out applies it: two threads may look at the same moment.
            if ready and self._pending.pop(trigger, self) is None:
                self._apply(trigger)

    def forget_threads(self) -> None:
        """In a forked child: the imports that other threads were in are nobody's now."""
        self._walking.clear()
        self._running.clear()


class _WatchedLoader:
    """Stands for a loader that cannot carry a function of ours (built-in, frozen, from a zip, another agent's)."""

    def __init__(self, spec: ModuleSpec, around: Callable[..., Callable[[Any], Any]]) -> None:
        self._spec, self._around, self._original = spec, around, spec.loader

    def __getattr__(self, name: str) -> Any:
        # Looked up on demand: `hasattr(loader, "exec_module")` decides which protocol the import system speaks.
        value = getattr(self._original, name)
        if name in ("exec_module", "load_module"):
            return self._around(self._spec.name, value, self._restore)
        return value

    def _restore(self, module: Any) -> None:
        self._spec.loader = self._original
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self._original


def packages_above(name: str) -> List[str]:
    """``a.b.c`` -> ``a``, ``a.b``."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
