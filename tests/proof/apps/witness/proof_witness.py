"""Writes down what a program could observe of its process: modules, paths, hooks, descriptors, threads, signals.

Imports nothing that the interpreter has not loaded, so that the program's own imports stay what they are; but for `gc`,
which `weakref` loads at exit if a finalizer is left then, and a chance collection decides that. What is ours by name is
left out of each list; what is ours without a name is asked of meshrun and counted under ``ours``.
"""

import gc
import os
import sys
import time

VARIABLE = "PROOF_WITNESS"
FOLDER = os.environ.get(VARIABLE, "")
OWN = ("meshrun", "meshrun_hooks", "_meshrun_door")

_looks = [0]


def look(name):
    """Write down what this process is now."""
    if FOLDER:
        tell(name, facts(dict(sys.modules)))


def tell(name, found):
    """Write facts into one file: ``PID-NUMBER``, holding a literal that the test reads."""
    _looks[0] += 1
    seen = {"name": name, "command": _command(), "pid": os.getpid(), "facts": found}
    name = "%s/%d-%03d" % (FOLDER, os.getpid(), _looks[0])
    with open(name + "-", "w", encoding="utf-8") as out:
        out.write(repr(seen))
    os.rename(name + "-", name)  # whole or not at all: a process may be killed at any time


def facts(modules):
    """Fact -> value, or a mapping of values; everything as text or numbers."""
    ours = _ours(modules)
    return {
        "modules": {name: _loader(module) for name, module in modules.items() if not own(name)},
        "path": [entry for entry in sys.path if not _boot(entry)],
        "path_hooks": [_name(hook) for hook in sys.path_hooks],
        "importer_cache": sorted(entry for entry in sys.path_importer_cache if not _own_place(entry)),
        "meta_path": [_name(finder) for finder in sys.meta_path if not own(_home(finder))],
        "flags": repr(sys.flags),
        "warnoptions": repr(sys.warnoptions),
        "filters": repr(getattr(modules.get("warnings"), "filters", None)),
        "argv": repr(sys.argv),
        "prefixes": repr((sys.prefix, sys.exec_prefix, sys.base_prefix, sys.executable)),
        "environ": environ(os.environ),
        "cwd": os.getcwd(),
        "hooks": {name: _name(getattr(sys, name)) for name in _HOOKS if hasattr(sys, name)},
        "import": _name(__import__),
        "trace": repr((sys.gettrace(), sys.getprofile(), sys.getrecursionlimit(), sys.getswitchinterval())),
        "streams": repr([_name(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)]),
        "builtins": sorted(vars(sys.modules["builtins"])),
        "main": sorted(vars(sys.modules["__main__"])),
        "threads": _threads(modules),
        "tasks": _tasks(modules, ours["tasks"]),
        "descriptors": _descriptors(ours["descriptors"]),
        "signals": _signals(modules),
        "handlers": _log_handlers(modules),
        "gc": repr((gc.get_threshold(), gc.isenabled())),
        "children": _children(),
    }


_HOOKS = ("excepthook", "displayhook", "unraisablehook", "breakpointhook")


def environ(variables):
    """The variables of a process but for the settings of meshrun, and its entry of PYTHONPATH."""
    kept = {name: value for name, value in variables.items() if not name.startswith("MESHRUN_")}
    if "PYTHONPATH" in kept:
        entries = [entry for entry in kept["PYTHONPATH"].split(os.pathsep) if not _boot(entry)]
        kept["PYTHONPATH"] = os.pathsep.join(entries)
    return kept


def own(name):
    """Whether a module is meshrun's, by its name."""
    return name.partition(".")[0] in OWN


def _home(thing):
    kind = thing if isinstance(thing, type) else type(thing)
    return str(kind.__module__)


def _boot(entry):
    """Whether an entry of a path is meshrun's door: the folder of a ``sitecustomize.py`` that is not this one."""
    return entry.rstrip("/").endswith("/sitecustomize")


def _own_place(entry):
    parts = entry.split("/")
    return _boot(entry) or any(name in parts for name in OWN) or parts[-1] in ("agent", "hooks")


def _name(thing):
    kind = thing if hasattr(thing, "__qualname__") else type(thing)
    return "%s.%s" % (getattr(kind, "__module__", ""), kind.__qualname__)


def _loader(module):
    try:
        specified = module.__spec__.loader if module.__spec__ is not None else None
        return "%s, %s" % (_name(getattr(module, "__loader__", None)), _name(specified))
    except Exception as error:
        return type(error).__name__


def _ours(modules):
    """Descriptors and the thread of meshrun's own in this process, as it says itself."""
    process = getattr(modules.get("meshrun.hook"), "_process", None)
    agent = getattr(process, "agent", None)
    if agent is None:
        return {"descriptors": set(), "tasks": 0}
    held = (agent._heard, agent._wake, *getattr(agent._admin, "descriptors", ()))
    numbers = {one.number for one in held if one is not None and one.ours}
    return {"descriptors": numbers, "tasks": 1 if agent.running else 0}


def _tasks(modules, ours):
    """Threads of the system but for ours; one that has just done its work may need a moment more to be gone."""
    known = 1 if "threading" not in modules else len(modules["threading"].enumerate())
    for _ in range(100):
        number = len(os.listdir("/proc/self/task")) - ours
        if number <= known:
            break
        time.sleep(0.01)
    return number


def _threads(modules):
    threading = modules.get("threading")
    if threading is None:
        return []
    return sorted("%s %s %s" % (t.name, t.daemon, type(t).__name__) for t in threading.enumerate())


def _descriptors(ours):
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            kind = os.readlink("/proc/self/fd/" + number)
        except OSError:  # the one that lists the folder
            continue
        if int(number) not in ours:
            found.append(kind.partition(":[")[0])
    return sorted(found)


def _signals(modules):
    """Handlers as the program reads them, without importing what it has not imported."""
    module = modules.get("signal") or modules.get("_signal")
    if module is None:
        return {}
    return {number: _handler(module.getsignal(number)) for number in range(1, 32)}


def _handler(handler):
    if own(type(handler).__module__):  # read behind `signal`: a program would import that, and see what is behind ours
        handler = handler.meshrun_handler
    if handler is None or isinstance(handler, int):
        return repr(handler)
    return _name(handler)


def _log_handlers(modules):
    logging = modules.get("logging")
    if logging is None:
        return []
    known = sorted(name for name in logging.root.manager.loggerDict if not own(name))
    return [[_name(handler) for handler in logging.root.handlers], logging.root.level, known]


def _children():
    try:
        with open("/proc/self/task/%d/children" % os.getpid(), encoding="ascii") as out:
            return len(out.read().split())
    except OSError:
        return 0


def _command():
    with open("/proc/self/cmdline", "rb") as out:
        return [word.decode("utf-8", "replace") for word in out.read().split(b"\0")[:-1]]
