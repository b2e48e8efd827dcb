"""The crash guard: three young deaths of one command in a row, and its next start leaves the program alone.

A mark in the state folder says that a command is young. It is written when the first hook of a library is applied. It
goes at exit, after `YOUNG_SECONDS`, when a stop signal passes our gate, and when the process forks (daemons leave their
first process by ``os._exit``). A mark whose process is gone is a young death, if that process is known to have died
young: the next start comes before it would have been old, or its agent thread, which takes marks away in time, never
did. An uncaught exception is seen at exit itself, without a hook in ``sys.excepthook``.

Nothing tells a death by the default action of SIGTERM or SIGHUP from one by SIGKILL, so those count too.
"""

from __future__ import annotations

import os
import sys

from .. import _processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

YOUNG_SECONDS = 10.0
DEATHS = 3
REASON = "crash-guard"
FOLDER = "/crash"
_USED = b"used"
_CHILD = (b"--multiprocessing-fork", b"multiprocessing.forkserver", b"multiprocessing.resource_tracker")


class Guard:
    """The mark of this process.

    `places`: the folders of which the first that can be had is the state folder; `key`: which command it is; `about`:
    the same for people; `deaths`: those of it in a row so far.
    """

    def __init__(self, places: Sequence[str], key: str, about: bytes, deaths: int) -> None:
        self._places = places
        self._folder = ""
        self._key = key
        self._about = about
        self.deaths = deaths
        self._path: Optional[str] = None
        self._pid = os.getpid()
        self._began = 0.0
        self._over = False

    def begin(self) -> None:
        """Write the mark, once. A folder that cannot be written: no guard."""
        if self._path is not None or self._over:
            return
        import atexit  # noqa: PLC0415 - the library that is being hooked has loaded it
        from time import time  # noqa: PLC0415 - as above

        self._began = time()
        self._folder = next(filter(_made, (place + FOLDER for place in self._places)), "")
        path = "%s/%s.%d.%d" % (self._folder, self._key, self._pid, _processes.born(self._pid))
        try:
            _write(path, b"%.3f" % self._began)
        except OSError:
            self._over = True
            return
        self._path = path
        atexit.register(self._exit)
        os.register_at_fork(after_in_parent=self._forked)

    def used(self) -> None:
        """The agent thread runs: from here on the mark goes in time, or the process died young."""
        if self._mine():
            try:
                _write(str(self._path), _USED)
            except OSError:
                self._over = True

    def look(self) -> None:
        """Take the mark away when the process is old enough; cheap, to be called often."""
        if not self._over and self._path is not None:
            from time import time  # noqa: PLC0415 - loaded by `begin`

            if time() - self._began >= YOUNG_SECONDS:
                self.survived()

    def survived(self) -> None:
        """The process is old, or is told to stop: what was before it does not count any more."""
        if self._mine():
            self._drop()
            if self.deaths:
                _remove("%s/%s" % (self._folder, self._key))

    def _forked(self) -> None:
        """The parent of a fork: nobody can tell how it goes on. Its children are not marked at all."""
        if self._mine():
            _remove(str(self._path))

    def _exit(self) -> None:
        if not self._mine():
            return
        from time import time  # noqa: PLC0415 - loaded by `begin`

        if uncaught() and time() - self._began < YOUNG_SECONDS:
            self._drop()
            record(self._folder, self._key, self.deaths + 1, self._about)
        else:
            self.survived()

    def _drop(self) -> None:
        self._over = True
        _remove(str(self._path))

    def _mine(self) -> bool:
        return not self._over and self._path is not None and self._pid == os.getpid()


def guard(environ: Mapping[str, str], places: Sequence[str]) -> Tuple[Optional[Guard], bool]:
    """The guard of this process, and whether it must start dormant. None: a child, or nobody knows what it runs.

    `places`: the state folder, or those of which the first that can be had will be it.
    """
    try:
        with open("/proc/self/cmdline", "rb") as stream:
            command = stream.read(65536)
    except OSError:
        return None, False
    if not command or any(word in command for word in _CHILD):
        return None, False
    service = environ.get("MESHRUN_SERVICE", "") or environ.get("OTEL_SERVICE_NAME", "")
    about = b"\0".join((environ.get("MESHRUN_NAMESPACE", "").encode(), service.encode("utf-8", "replace"), command))
    key = "%016x" % _hash(about)
    deaths, dormant = _judge(places[0] + FOLDER, key, about)
    return Guard(places, key, about, deaths), dormant


def _judge(folder: str, key: str, about: bytes) -> Tuple[int, bool]:
    """Young deaths in a row so far, and whether the command starts dormant this time."""
    found = _marks(folder)
    own = ".%d.%d" % (os.getpid(), _processes.born(os.getpid())) if found else ""
    for _, marks in found.values():
        for mark in marks:
            if mark.endswith(own):  # this process ran another program before: it did not die
                _remove(folder + "/" + mark)
    before, marks = found.get(key, (0, []))
    deaths = before + sum(_died_young(folder, mark) for mark in marks)
    if deaths >= DEATHS:
        record(folder, key, 0, about)
        return 0, True
    if deaths != before:
        record(folder, key, deaths, about)
    return deaths, False


def _died_young(folder: str, mark: str) -> bool:
    """Whether the process of a mark is gone and was young; takes the mark of a process that is gone away."""
    _, pid, start = mark.split(".")
    if _processes.alive(int(pid), int(start)):
        return False
    path = folder + "/" + mark
    text = _read(path)
    if not _remove(path):  # whoever removes it counts it
        return False
    from time import time  # noqa: PLC0415 - only after a death

    age: float = time() - _number(text)
    return text == _USED or 0 <= age < YOUNG_SECONDS


def _marks(folder: str) -> Dict[str, Tuple[int, List[str]]]:
    """Key -> young deaths that were counted, names of marks that stand."""
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    found: Dict[str, Tuple[int, List[str]]] = {}
    for name in names:
        words = name.split(".")
        count, marks = found.get(words[0], (0, []))
        if len(words) == 1:
            count = int(_number(_read(folder + "/" + name).partition(b"\n")[0]))
        elif len(words) == 3 and words[1].isdigit() and words[2].isdigit():
            marks.append(name)
        found[words[0]] = (count, marks)
    return found


def record(folder: str, key: str, deaths: int, about: bytes) -> None:
    """Keep the number of young deaths in a row of a command."""
    try:
        if deaths:
            _write("%s/%s" % (folder, key), b"%d\n%s" % (deaths, about))
        else:
            _remove("%s/%s" % (folder, key))
    except OSError:
        pass  # the next start counts anew


def seen(state: str) -> List[Tuple[str, str, int]]:
    """(service, command, young deaths in a row) of each command that died young last, for ``doctor``."""
    found = []
    for key, (deaths, _) in sorted(_marks(state + FOLDER).items()):
        if deaths:
            _, service, *words = _read("%s%s/%s" % (state, FOLDER, key)).partition(b"\n")[2].split(b"\0")
            found.append(
                (service.decode("utf-8", "replace"), b" ".join(words).decode("utf-8", "replace").strip(), deaths)
            )
    return found


def uncaught() -> bool:
    """Whether the program ends by an exception that nobody caught; Ctrl-C is none, nor is one that a test runner keeps.

    The interpreter sets ``sys.last_traceback`` before it calls ``sys.excepthook``; it begins where the program does.
    """
    trace: Any = getattr(sys, "last_traceback", None)
    kind = getattr(sys, "last_type", None)
    if trace is None or hasattr(sys, "ps1") or (isinstance(kind, type) and issubclass(kind, KeyboardInterrupt)):
        return False
    frame = trace.tb_frame
    code = frame.f_code
    return bool(code.co_name == "_run_module_as_main") or (
        code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__"
    )


def _hash(data: bytes) -> int:
    """FNV-1a, 64 bits: no module is loaded for it."""
    value = 0xCBF29CE484222325
    for byte in data[:4096]:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _made(folder: str) -> bool:
    """Make the folder, and the state folder above it, for us only; False where that cannot be, or it is another's."""
    for place in (os.path.dirname(folder), folder):
        try:
            os.mkdir(place, 0o700)
        except OSError:  # it may be there
            pass
        try:
            if os.lstat(place).st_uid != os.geteuid():
                return False
        except OSError:
            return False
    return True


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(65536)
    except OSError:
        return b""


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True
