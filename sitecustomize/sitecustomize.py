"""Runs at the start of every Python that has this folder on its PYTHONPATH: the next sitecustomize, then meshrun.

The interpreter imports exactly one ``sitecustomize``, so this one stands in front of the user's, the distribution's
or another agent's and runs it first, as if this one were not there. The file parses on Python 2.7 and every 3.x, since
each Python of the machine may meet it; types stand in comments for that reason.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

NAME = "sitecustomize"
FOLDER = os.path.dirname(os.path.abspath(__file__))


def _run_next():
    # type: () -> bool
    """Run the next ``sitecustomize``; False if there is none. What it raises goes through."""
    entries = list(sys.path)
    others = [entry for entry in entries if entry != FOLDER]
    sys.path[:] = others
    sys.path_importer_cache.pop(FOLDER, None)
    if sys.version_info < (3, 4):
        # Kept alive by itself: Python 2 empties a module's names when the last reference goes.
        globals()["_kept"] = sys.modules.pop(NAME, None)
        __import__(NAME)
        return True
    # Agents that stand in front of us have run theirs already: only what lies behind us is next.
    behind = entries[entries.index(FOLDER) + 1 :] if FOLDER in entries else others
    spec = _find([entry for entry in behind if entry != FOLDER])
    if spec is None:
        return False
    before = sys.modules.get(NAME)
    import _frozen_importlib  # the import system itself: nothing is loaded for it

    # The public ways (importlib.util) cost more than all of meshrun's start.
    _frozen_importlib._load(spec)  # type: ignore[attr-defined]
    if not _is_this(before):
        # Another agent runs us without having registered us: what it had registered stays.
        if before is None:
            sys.modules.pop(NAME, None)
        else:
            sys.modules[NAME] = before
    return True


def _find(path):
    # type: (List[str]) -> Any
    """The spec of the next ``sitecustomize`` on `path`, by all finders of the interpreter."""
    usual = sys.path[:]
    sys.path[:] = path
    try:
        for finder in list(sys.meta_path):
            find_spec = getattr(finder, "find_spec", None)
            spec = find_spec and find_spec(NAME, None)
            if spec is not None:
                return spec
        return None
    finally:
        sys.path[:] = usual


def _is_this(module):
    # type: (Any) -> bool
    return getattr(module, "__dict__", None) is globals()


def _imported_by_site():
    # type: () -> bool
    """Whether the interpreter's own start imports us, not another agent that chains as we do."""
    frame = sys._getframe(0)  # type: Any
    own = frame.f_code.co_filename  # not the globals: one agent lets us run in those of its own file
    while frame is not None:
        code = frame.f_code
        if code.co_filename != own and "importlib" not in code.co_filename:
            return code.co_name == "execsitecustomize" and _is_this(sys.modules.get(NAME))
        frame = frame.f_back
    return False


class OwnFinder(object):
    """Finds the packages of meshrun without a change to ``sys.path``, and nothing else for the app.

    It stands last in ``sys.meta_path``. What meshrun needs from others (``yaml``, ``wrapt``) comes from where the app
    would get it; where the app has none, meshrun's own installation gives it, but to imports made by meshrun only: an
    app that tries ``import yaml`` sees what it would see without us.
    """

    def __init__(self):
        # type: () -> None
        above = os.path.dirname(os.path.realpath(FOLDER))  # the folder may be a link
        if os.path.isdir(os.path.join(above, "agent", "meshrun")):  # a checkout
            self.own = {"meshrun": os.path.join(above, "agent"), "meshrun_hooks": os.path.join(above, "hooks")}
            self.needed = {}  # type: Dict[str, str]
        else:  # installed: this file is meshrun/sitecustomize/sitecustomize.py
            root = os.path.dirname(above)
            self.own = {"meshrun": root, "meshrun_hooks": root}
            self.needed = {"yaml": root, "_yaml": root, "wrapt": root}

    def find_spec(self, name, path=None, target=None):
        # type: (str, Any, Any) -> Any
        """Part of the import protocol: the spec, or None."""
        root = self.own.get(name) or (name in self.needed and self._asked_by_us() and self.needed[name])
        if not root:
            return None
        from _frozen_importlib_external import PathFinder

        return PathFinder.find_spec(name, [root])

    @staticmethod
    def _asked_by_us():
        # type: () -> bool
        frame = sys._getframe(2)  # type: Any
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        asking = frame.f_globals.get("__name__", "") if frame is not None else ""
        return asking.partition(".")[0] in ("meshrun", "meshrun_hooks", "yaml", "wrapt")


def _start(path=None):
    # type: (Any) -> None
    """Version, then switch, then the import finder. Whatever fails here, the program runs, without us.

    `path`: PYTHONPATH as it was before the next ``sitecustomize``; None: none ran.
    """
    try:
        if sys.version_info < (3, 8) or sys.implementation.name != "cpython":
            return
        if os.environ.get("MESHRUN_ENABLED", "").strip() not in ("1", "true", "yes", "on"):
            return
        if path is not None:
            _keep_order(path)
        own = OwnFinder()
        sys.meta_path.insert(0, own)
        try:
            # From here, so that the code is that of the folder on PYTHONPATH, whatever else is installed.
            from meshrun.boot.start import start

            __import__("meshrun_hooks")
        finally:
            sys.meta_path.remove(own)
        if start(os.environ):
            sys.meta_path.append(own)
    except BaseException as error:
        _say("not started, the program runs without it: %s: %s" % (type(error).__name__, error))


def _say(what):
    # type: (str) -> None
    try:
        sys.stderr.write("meshrun: %s\n" % " ".join(what.split()))
    except BaseException:
        pass


def _keep_order(path):
    # type: (str) -> None
    """Undo a mere change of order in ``PYTHONPATH``, by which the program's own children would leave the mesh.

    OpenTelemetry's file takes its folder out while it runs and puts it back in front; there it hides ours.
    """
    now = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    before = path.split(os.pathsep)
    if now != before and FOLDER in now and sorted(now) == sorted(before):
        os.environ["PYTHONPATH"] = path


def _boot():
    # type: () -> None
    path = os.environ.get("PYTHONPATH")
    try:
        found = _run_next()
    except Exception:
        _start(path)
        raise
    _start(path)
    if not found and _imported_by_site():
        # Without us the interpreter would have found none, silently, and `import sitecustomize` in the program
        # would fail; so it is now.
        error = ImportError("No module named '%s'" % NAME)
        error.name = NAME
        raise error


if __name__ == "_meshrun_boot":
    # Run by another door, at another moment: what stands next on the path is the interpreter's business then.
    _start()
else:
    _boot()
