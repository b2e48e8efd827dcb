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

    It stands in ``sys.meta_path`` until meshrun's import finder does, which asks it after all others from then on. What
    meshrun needs from others (``yaml``, ``wrapt``) comes from where the app would get it; where the app has none,
    meshrun's own installation gives it, but to imports made by meshrun only: an app that tries ``import yaml`` sees
    what it would see without us.
    """

    def __init__(self):
        # type: () -> None
        above = os.path.dirname(os.path.realpath(FOLDER))  # the folder may be a link
        self.loader = None  # type: Any
        if os.path.isdir(os.path.join(above, "agent", "meshrun")):  # a checkout
            self.own = {"meshrun": os.path.join(above, "agent"), "meshrun_hooks": os.path.join(above, "hooks")}
            self.needed = {}  # type: Dict[str, str]
            return
        root = needed = os.path.dirname(above)  # installed: this file is meshrun/sitecustomize/sitecustomize.py
        if os.path.isdir(os.path.join(above, "lib", "meshrun")):  # a bundle: boot, lib, deps and code side by side
            root, needed = os.path.join(above, "lib"), os.path.join(above, "deps")
            self.loader = _bundle_loader(above)
        self.own = {"meshrun": root, "meshrun_hooks": root}
        self.needed = {"yaml": needed, "_yaml": needed, "wrapt": needed}

    @property
    def names(self):
        # type: () -> List[str]
        """All that it may give."""
        return list(self.own) + list(self.needed)

    def gives(self, name):
        # type: (str) -> bool
        """Whether whoever imports that name now may have it."""
        return name in self.own or (name in self.needed and self._asked_by_us())

    def find_spec(self, name, path=None, target=None):
        # type: (str, Any, Any) -> Any
        """Part of the import protocol: the spec, or None."""
        if not self.gives(name):
            return None
        root = self.own.get(name) or self.needed[name]
        from _frozen_importlib_external import FileFinder, PathFinder

        if self.loader is not None:
            spec = FileFinder(root, (self.loader, [".py"])).find_spec(name)
        else:
            spec = PathFinder.find_spec(name, [root])
        if spec is not None and name in self.needed:
            spec.loader_state = "meshrun"  # tells whoever imports it that the app has none
        return spec

    @staticmethod
    def _asked_by_us():
        # type: () -> bool
        frame = sys._getframe(1)  # type: Any
        while frame is not None and _finds(frame):
            frame = frame.f_back
        asking = frame.f_globals.get("__name__", "") if frame is not None else ""
        return asking.partition(".")[0] in ("meshrun", "meshrun_hooks", "yaml", "wrapt")


def _finds(frame):
    # type: (Any) -> bool
    """Whether a frame is of the import system, of this file or of meshrun's import finder."""
    names = frame.f_globals
    known = "importlib" in frame.f_code.co_filename or names is globals()
    return known or names.get("__name__") == "meshrun.boot.finder"


def _bundle_loader(bundle):
    # type: (str) -> Any
    """The loader of a bundle's modules: takes their code from ``code/<interpreter>.bin``, and never writes.

    Without it a start would cost what it takes to compile all of it, in a folder where no ``.pyc`` can be kept. A
    module that the file lacks, or a Python that has no file, is compiled from the source as usual.
    """
    from _frozen_importlib_external import FileFinder, SourceFileLoader

    path = os.path.join(bundle, "code", "%s.bin" % sys.implementation.cache_tag)
    head, places = _compiled(path)

    class BundleLoader(SourceFileLoader):
        def get_code(self, name):
            # type: (str) -> Any
            code = _code_at(path, head, places[name], self.path) if name in places else None
            return SourceFileLoader.get_code(self, name) if code is None else code

        def set_data(self, path, data, _mode=0o666):
            # type: (str, Any, int) -> None
            if sys.pycache_prefix is not None:  # the user's own place for what is compiled
                SourceFileLoader.set_data(self, path, data, _mode=_mode)

        def exec_module(self, module):
            # type: (Any) -> None
            for folder in getattr(module, "__path__", ()):
                sys.path_importer_cache[folder] = FileFinder(folder, (BundleLoader, [".py"]))
            if module.__name__ == "meshrun":  # what only operators need of it
                module.__path__.append(os.path.join(bundle, "lib", "meshctl.zip", "meshrun"))
            SourceFileLoader.exec_module(self, module)

    return BundleLoader


def _compiled(path):
    # type: (str) -> Any
    """How that file begins, and module -> (offset, size, packed) of its code there; none: not for this Python."""
    import marshal
    from _frozen_importlib_external import MAGIC_NUMBER

    try:
        with open(path, "rb") as stream:
            head = stream.read(len(MAGIC_NUMBER) + 16)
            if head.startswith(MAGIC_NUMBER):
                size = int.from_bytes(stream.read(4), "little")
                return head, marshal.loads(stream.read(size))  # noqa: S302 - of the bundle, as this file is
    except (EnvironmentError, EOFError, ValueError, TypeError):
        pass
    return b"", {}


def _code_at(path, head, place, source):
    # type: (str, Any, Any, str) -> Any
    """The code at a place of that file, as if compiled from the file `source`; None if it cannot be had."""
    import _imp
    import marshal

    try:
        with open(path, "rb") as stream:
            if stream.read(len(head)) != head:
                return None  # the bundle was replaced since this process started
            stream.seek(place[0])
            data = stream.read(place[1])
        if place[2]:
            if "zlib" not in sys.modules:
                return None  # the program has no use for it: not loaded for us either
            data = sys.modules["zlib"].decompress(data)
        code = marshal.loads(data)  # noqa: S302 - of the bundle, as this file is
        _imp._fix_co_filename(code, source)  # type: ignore[attr-defined]
    except Exception:
        return None
    return code


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
        start(os.environ, own)
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
elif __name__ != "_meshrun_bundle":  # the commands of a bundle want the finder alone
    _boot()
