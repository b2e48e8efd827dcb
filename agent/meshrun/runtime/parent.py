"""The parent of a server that cannot be hooked from within: registers it, and holds its stop signals for the drain.

Signals are not handled but waited for, all in the main thread: so none is lost, and the kernel says where each is
from. The server's own process does what it does without us, and what becomes of it becomes of this one.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` is hooked: here its bare functions are wanted
import atexit
import os
from time import monotonic
from typing import Any, MutableMapping, Optional, Tuple

from .. import _guard
from ..core.settings import Settings
from ..lifecycle.starting import host
from . import config
from .asking import Asking, established

_NOT_WAITED = ("KILL", "STOP", "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "PIPE", "XFSZ", "TTIN", "TTOU")
_WAITED = _signal.valid_signals() - {getattr(_signal, "SIG" + name) for name in _NOT_WAITED}
_STOPS = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGQUIT)
_SI_KERNEL = 0x80  # sigaction(2): from the kernel, such as Ctrl-C at a terminal
_PR_SET_PDEATHSIG = 1  # prctl(2)
_STARTING_SECONDS, _COUNT_SECONDS, _IDLE_SECONDS = 0.05, 0.1, 60.0
_AGAIN_SECONDS = 3.0
"""A server that lives on for so long after a signal that ends most has reloaded, and is asked again."""


def stay(environ: MutableMapping[str, str], address: str, port: int, keepalive: Optional[float], *, ends: bool) -> None:
    """Fork, and stay as the parent: leaves by SystemExit, or by the child's signal, when the child ends.

    Comes back where the caller is to become the program: in the child, and where nothing is to be registered. `port`:
    0 where only the settings may know it. `ends`: whether SIGTERM ends the program, rather than reload it.
    """
    os.environ.update(environ)
    settings = _settings()
    if settings is None:
        return
    named: Optional[int] = settings.values["PORTS"].get("http", settings.values["PORT"])
    if not (port or named):
        return
    if not port:
        address, port = settings.values["ADDRESS"] or "", named or 0
    apart = not os.isatty(0)
    child = _forked(environ, apart=apart)
    if child:
        raise SystemExit(Parent(child, settings, (address, port), keepalive, apart=apart, ends=ends).run())


@_guard.guarded(where="parent")
def _settings() -> Optional[Settings]:
    """Those of this process; None: nothing of it is registered."""
    settings, _ = config.read()
    return None if settings.unregistered else settings


def _forked(environ: MutableMapping[str, str], *, apart: bool) -> int:
    """The child's pid, and 0 in the child, which is as this process was; 0 as well where no process is to be had."""
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _WAITED)
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        _guard.report("parent", error)
        child = 0
    if child:
        return child
    if os.getpid() != parent:
        if apart:  # a signal to the whole group is to pass us first; at a terminal both stay in the foreground
            os.setpgid(0, 0)
        _die_with(parent)
        if environ.get("LISTEN_PID") == str(parent):  # sd_listen_fds(3)
            environ["LISTEN_PID"] = str(os.getpid())
    _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
    return 0


@_guard.guarded(where="parent")
def _die_with(parent: int) -> None:
    """Whoever kills the parent with SIGKILL means the server."""
    import ctypes  # noqa: PLC0415 -- only here

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), _signal.SIGKILL)


class Parent:
    """Of one server, for as long as that lives. All methods run in the main thread, but `_count`."""

    def __init__(
        self, child: int, settings: Settings, bound: Tuple[str, int], keepalive: Optional[float],
        *, apart: bool, ends: bool,
    ) -> None:  # fmt: skip
        self._child = child
        self._settings = settings
        self._bound = bound
        self._keepalive = keepalive
        self._apart = apart
        self._ends = ends
        self._process: Any = None
        self._asking: Optional[Asking] = None
        self._passed = 0.0  # when a signal went on after which the server may come back, monotonic
        self._counted, self._connections = 0.0, 0
        self._signal = 0  # that the child died of
        self.status: Optional[int] = None

    def run(self) -> int:
        """Wait until the child has ended; its exit status."""
        _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
        atexit.register(self._die)  # the first one is called last
        self._begin()
        while self.status is None:
            busy = self._asking is not None
            seconds = _STARTING_SECONDS if busy else _AGAIN_SECONDS if self._passed else _IDLE_SECONDS
            seen = _signal.sigtimedwait(_WAITED, seconds)
            if seen is None:
                self._look()
            elif seen.si_signo == _signal.SIGCHLD:
                self._reap()
            else:
                self._signalled(seen)
        return self.status

    @_guard.guarded(where="parent")
    def _begin(self) -> None:
        from .process import Process  # noqa: PLC0415 -- after the fork, so that nothing of it is in the child

        process = Process()
        process.server.unfinished = _guard.guarded(default=0, where="parent")(self._count)
        self._process = process
        self._listen()
        self._ask()
        process.refresh()  # starts the agent thread, so that operators hear what is waited for

    def _listen(self) -> None:
        self._process.server.listening(*self._bound, "http", False, self._keepalive)

    def _ask(self) -> None:
        self._asking = Asking(*self._bound, host(self._settings))

    @_guard.guarded(where="parent")
    def _look(self) -> None:
        if self._asking is not None and self._asking.answered():
            self._asking = None
            if self._process.server.draining:
                self._listen()  # it has reloaded: an instance of its own
            self._process.ready()
        elif self._passed and monotonic() - self._passed >= _AGAIN_SECONDS:
            self._passed = 0.0
            self._ask()

    def _count(self) -> int:
        """Connections, while that matters: those of HTTP without keep-alive are requests in flight."""
        if not self._process.server.draining:
            return 0
        now = monotonic()
        if now - self._counted >= _COUNT_SECONDS:
            self._counted, self._connections = now, established(self._bound[1])
        return self._connections

    @_guard.guarded(where="parent")
    def _signalled(self, seen: Any) -> None:
        """Hand a signal on, now or, where `_held`, once the drain sends it again."""
        number: int = seen.si_signo
        if number in _STOPS:
            if self._held(number):
                return
            if number == _signal.SIGTERM and not self._ends and self._process is not None:
                self._passed = monotonic()
        if self._apart or seen.si_code != _SI_KERNEL:  # else the terminal told the child as well
            os.kill(self._child, number)

    @_guard.guarded(default=False, where="gate")
    def _held(self, number: int) -> bool:
        held: bool = self._process is not None and self._process.server.gate(number)
        return held

    def _reap(self) -> None:
        """As PID 1 this process is the parent of all that have lost theirs."""
        while self.status is None:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self._child and os.WIFSTOPPED(status):
                if not self._apart:  # Ctrl-Z: the shell waits for this process
                    os.kill(os.getpid(), _signal.SIGSTOP)
            elif pid == self._child:
                self._signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
                self.status = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + self._signal

    def _die(self) -> None:
        """End by the signal that ended the child, without a core of our own."""
        number = self._signal
        if not number:
            return
        import resource  # noqa: PLC0415 -- only here

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if number != _signal.SIGKILL:
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
        os._exit(128 + number)  # PID 1 does not die of signals
