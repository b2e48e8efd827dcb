"""Whether meshrun would load in a Python: its version, what starts meshrun there, what stands in the way."""

from __future__ import annotations

import os
from typing import Iterator, List, Mapping, Optional, Tuple

from ..boot import door, interpreter, launcher
from . import installed, output
from .checks import FINE, NOTE, WRONG, Check
from .target import Python, Target

OLDEST, NEWEST = (3, 8), (3, 13)
_CHECKOUT_OR_WHEEL = "runs at the start of every python that has this folder on its pythonpath: the next sitecustomize"


def checks(target: Target, python: Python, *, command: bool) -> Iterator[Check]:
    """What decides whether meshrun loads. `command`: a program was named, so that it must be started by something."""
    yield _version(target, python)
    yield _start(target, python, command=command)
    yield from _sitecustomize(target, python)


def _version(target: Target, python: Python) -> Check:
    said = "%s, %s" % (python.shown, python.executable) + (" (%s)" % target.about if target.about else "")
    if python.implementation != "cpython" or python.version[:2] < OLDEST:
        mend = "meshrun runs on CPython %d.%d and newer; under this one the program runs as without it." % OLDEST
        return Check("python", WRONG, said, mend, "MR7001")
    if python.version[:2] > NEWEST:
        return Check("python", NOTE, said, "Newer than the newest one tested, %d.%d." % NEWEST)
    return Check("python", FINE, said)


def _start(target: Target, python: Python, *, command: bool) -> Check:
    """By what meshrun would be started, or why it would not."""
    switch = target.environ.get("MESHRUN_ENABLED", "").strip()
    if switch and switch not in launcher.ON:
        what = "MESHRUN_ENABLED=%s: the program runs without meshrun" % switch
        return Check("start", WRONG, what, "Unset it, or set it to 1.", "MR7002")
    flag = interpreter.hiding_flag(["python", *target.flags])
    prefix = _environment(python)
    venv = prefix is not None and door.is_open(prefix)
    if flag == "-S" or (flag and not venv):
        return _hidden(flag, prefix)
    found = doors(target, python)
    if found and (switch or target.launched):
        return Check("start", FINE, "by " + output.listed(found))
    state = WRONG if command else NOTE
    if found:
        what = "%s is there, and MESHRUN_ENABLED is not set: the program runs without meshrun" % output.listed(found)
        return Check("start", state, what, "Set MESHRUN_ENABLED=1.", "MR7002")
    if not command:
        return Check("start", FINE, "loads where a program is started by `meshrun`; by itself nothing starts it here")
    mend = "Put `meshrun` before the command; see README.md for the ways that leave the command as it is."
    return Check("start", WRONG, "nothing starts meshrun in this program", mend, "MR7002")


def doors(target: Target, python: Python) -> List[str]:
    """By what meshrun comes into the program where it is switched on."""
    flag, prefix = interpreter.hiding_flag(["python", *target.flags]), _environment(python)
    folder = None if flag else next(boot_folders(target.environ), None)
    found: List[str] = ["the launcher `meshrun`"] if target.launched else []
    found += ["%s on PYTHONPATH" % folder] if folder else []
    return found + (["the door of the environment %s" % prefix] if prefix and door.is_open(prefix) else [])


def _hidden(flag: str, prefix: Optional[str]) -> Check:
    """An option of the interpreter keeps every door shut."""
    if flag == "-S":
        return Check("start", WRONG, "-S: this Python runs nothing at its start", "Leave -S out.", "MR7003")
    mend = "Leave %s out." % flag
    if prefix:
        mend = "Leave %s out, or open the door of its environment: meshctl venv enable %s" % (flag, prefix)
    return Check("start", WRONG, "%s: this Python does not read PYTHONPATH" % flag, mend, "MR7003")


def _environment(python: Python) -> Optional[str]:
    """The folder of the virtual environment."""
    return python.prefix if os.path.exists(os.path.join(python.prefix, "pyvenv.cfg")) else None


def path_entries(environ: Mapping[str, str]) -> List[str]:
    """What stands on ``PYTHONPATH``, in its order."""
    return [entry for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry]


def boot_folders(environ: Mapping[str, str]) -> Iterator[str]:
    """The entries of ``PYTHONPATH`` that are boot folders, of this installation or of another; the first one counts."""
    return (entry for entry in path_entries(environ) if ours(os.path.join(entry, "sitecustomize.py")))


def ours(path: str) -> bool:
    """Whether a ``sitecustomize.py`` is a boot file of meshrun."""
    folder = launcher.boot_folder()
    if folder is not None and os.path.realpath(path) == os.path.realpath(os.path.join(folder, "sitecustomize.py")):
        return True
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return _CHECKOUT_OR_WHEEL in stream.readline().lower()
    except OSError:
        return False


def _sitecustomize(target: Target, python: Python) -> Iterator[Check]:
    """Other code that runs at the start: ours runs it too, unless it stands before ours and does not pass on."""
    before, behind = _others(python, launched=target.launched or not any(boot_folders(target.environ)))
    for path in before:
        what = "%s stands before meshrun's, which starts only if that one runs the next" % path
        mend = "Put meshrun's folder first on PYTHONPATH, or start the program by `meshrun`; both run then."
        yield Check("sitecustomize", WRONG, what, mend, "MR7004")
    if behind:
        yield Check("sitecustomize", FINE, "%s runs first, as without meshrun" % behind[0])
    lines = installed.start_lines(python.path)
    files = [os.path.basename(path) for path, _ in lines if os.path.basename(path) != "meshrun.pth"]
    if files:
        said = output.listed(list(dict.fromkeys(files)))
        yield Check("start lines", FINE, "%s in site-packages run code at every start, before meshrun" % said)


def _others(python: Python, *, launched: bool) -> Tuple[List[str], List[str]]:
    """Every other ``sitecustomize``: those before ours on the path, and those behind it."""
    found = installed.modules("sitecustomize", python.path)
    places = [number for number, path in enumerate(found) if ours(path)]
    others = [path for path in found if not ours(path)]
    if launched or not places:
        return [], others
    return found[: places[0]], [path for path in found[places[0] :] if not ours(path)]
