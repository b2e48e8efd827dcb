"""The public API of hooks, version 1. A hook translates one library and decides nothing.

Light to import, because a hook is imported while the app imports its library: the runtime is loaded by the first call
that needs it. `outbound` and `inbound` pass the one guard: a failure of ours is reported once, counted, and answered
as "untouched". Functions of a hook file that run beside the library's own go through `guarded`.
"""

from __future__ import annotations

import _thread
import os
from _thread import get_ident

from . import _applied, _guard, _native, _running, _seams

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` costs 10 ms, and a hook may be all that a small program loads of ours
    from contextvars import Context
    from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Sequence, Tuple, Union

    from .runtime.context import Current as Current  # noqa: PLC0414 - hooks name these types through this module
    from .runtime.inbound import Request as Request  # noqa: PLC0414 - as above
    from .runtime.outbound import Call as Call  # noqa: PLC0414 - as above
    from .runtime.outbound import Client as Client  # noqa: PLC0414 - as above
    from .runtime.process import Process

VERSION = 1
guarded = _guard.guarded
positional = _guard.positional
replace, restore, seams = _seams.replace, _seams.restore, _seams.seams
alive, inside = _running.alive, _running.inside

_process: Optional[Process] = None
_hand_on: Optional[Callable[[int], bool]] = None
_tried = _settled = False
_loading = _thread.RLock()
_holder = 0  # the thread that holds it while it forks
MAX_WAIT_SECONDS = 2.0
"""How long a fork waits for what another thread has begun."""


class Untouched:
    """The request of a process whose runtime is not there: has no colour and does nothing."""

    closing = False
    mesh = False
    colour = ()

    def __enter__(self) -> Untouched:  # noqa: PYI034 - `Self` is not in the oldest `typing`
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def response_headers(self) -> Tuple[Tuple[str, str], ...]:
        """Nothing to add."""
        return ()

    def status(self, code: int) -> None:
        """Nobody counts."""

    def events(self, headers: Sequence[Tuple[Any, Any]]) -> None:
        """Nobody ends them."""


UNTOUCHED = Untouched()


def outbound(
    scheme: str, host: str, port: Optional[int], method: Union[str, bytes], path: Union[str, bytes], headers: Any,
    proxied: bool = False, client: Optional[Client] = None, protocol: str = "http",
) -> Optional[Call]:  # fmt: skip
    """Decide an outgoing call; None: leave it untouched.

    `headers` is the library's own object, only read: anything with ``items()`` or a sequence of pairs, str or bytes.
    `path` includes the query. `proxied`: the connection goes to a proxy, so the call is coloured but never routed.
    `client`: what `client()` answered for the app's client object, where that has a keep-alive limit.
    """
    if _load() is None:
        return None
    return _bound["outbound"](scheme, host, port, method, path, headers, proxied, client, protocol)  # type: ignore[no-any-return]


def inbound(headers: Sequence[Tuple[Any, Any]], method: str, path: str, peer: Optional[str]) -> Request | Untouched:
    """A context manager for the whole of a served request; `headers` is a sequence of pairs, str or bytes."""
    if _load() is None:
        return UNTOUCHED
    return _bound["inbound"](headers, method, path, peer)  # type: ignore[no-any-return]


_bound: Dict[str, Callable[..., Any]] = {"outbound": outbound, "inbound": inbound}


def _load() -> Optional[Process]:
    """The process's runtime, made on first need; None where that failed (reported once, never tried again)."""
    if _process is None and not (_tried and _settled):
        with _loading:  # other threads wait for the first; the loading thread itself, if it comes by again, does not
            if not _tried:
                _make()
    return _process


@guarded(where="runtime")
def _make() -> None:
    global _process, _tried, _settled  # noqa: PLW0603 -- the one process object
    _tried = True
    try:
        _process = _built()
    finally:
        _settled = True


@guarded(where="fork")
def _before_fork() -> None:
    """Let a thread that makes the runtime finish first: a child has half of it, and waits for ever for the rest."""
    global _holder  # noqa: PLW0603 -- as above
    if not _settled and _loading.acquire(True, MAX_WAIT_SECONDS):
        _holder = get_ident()
    if _process is not None:
        _process.before_fork()


def _in_parent() -> None:
    global _holder  # noqa: PLW0603 -- as above
    if _holder == get_ident():
        _holder = 0
        _loading.release()


def _in_child() -> None:
    global _loading, _tried, _holder
    _loading, _holder, _tried = _thread.RLock(), 0, _settled


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)


def _built() -> Process:
    from .runtime import hot_guard  # noqa: PLC0415 -- the runtime is loaded at first use, not at import
    from .runtime import inbound as incoming  # noqa: PLC0415 - as above
    from .runtime.process import Process  # noqa: PLC0415 - as above

    process = Process()
    _follow()
    _bound["outbound"] = hot_guard.outbound(process)
    _bound["inbound"] = hot_guard.inbound(incoming.make(process), UNTOUCHED)
    globals().update(_bound)  # from here on hooks call the bound functions directly
    return process


def client(limit: Optional[int]) -> Optional[Client]:
    """A token for one client object of the app. `limit`: idle connections that it keeps; None: no limit."""
    if _load() is None:
        return None
    from .runtime.outbound import Client  # noqa: PLC0415 - loaded by now

    return Client(limit)


def view(kind: type, names: Callable[[Any], Iterable[Any]]) -> None:
    """Say how to see the names in headers of a class, in any case, faster than by its own iterator."""
    from .runtime.headers import VIEWS  # noqa: PLC0415 - as above

    VIEWS[kind] = names


def current() -> Optional[Current]:
    """A token of the request that the running code works for; None: nothing of it has to follow anywhere.

    A hook asks where something is spawned, and hands on what `inherited` makes of the token.
    """
    return None  # in this process no request has been seen yet


@guarded(where="inherited")
def inherited(
    token: Current, library: str, function: Optional[Callable[..., Any]], kind: Optional[type] = None
) -> Optional[Current]:
    """What is to be current in what is spawned; None: nothing, as in workers and loops that outlive the request.

    `library`: the seam, as ``meshrun_colour_lost_total`` names it. `function`: what will run; None: a method of the
    class `kind`, which is that of the thread, process or greenlet, and None for a task that a pool will run.
    """
    _follow()
    return inherited(token, library, function, kind)


def run(
    token: Optional[Current], function: Callable[..., Any], args: Tuple[Any, ...] = (),
    kwargs: Optional[Mapping[str, Any]] = None,
) -> Any:  # fmt: skip
    """Call `function` with the token current."""
    _follow()
    return run(token, function, args, kwargs)


def enter(token: Optional[Current]) -> None:
    """Let the token be current from here on: for what has a context of its own, and the loop of a worker process."""
    if token is not None:
        _follow()
        enter(token)


def context(token: Current) -> Context:
    """A new context in which the token is current and nothing else is set."""
    _follow()
    return context(token)


def pack(token: Optional[Current]) -> Tuple[Any, ...]:
    """The token as plain values that go through pickle."""
    _follow()
    return pack(token)


def unpack(packed: Tuple[Any, ...]) -> Optional[Current]:
    """The token of another process."""
    _follow()
    return unpack(packed)


@guarded(where="native")
def patches() -> None:
    """A library is here that may replace what the interpreter blocks by: our own thread keeps the original."""
    _native.keep()


def _follow() -> None:
    """Put the functions of `carry` in the place of those above. They need little more than a context variable."""
    from .runtime import carry  # noqa: PLC0415 - a process that serves nothing and is handed no colour does without

    names = ("current", "inherited", "run", "enter", "context", "pack", "unpack")
    globals().update((name, getattr(carry, name)) for name in names)


@guarded(where="listening")
def listening(
    address: str, port: int, protocol: str = "http", tls: bool = False, keepalive: Optional[float] = None,
    *, thread: Optional[int] = None, root: Optional[int] = None,
) -> None:  # fmt: skip
    """A server of this process is bound. `keepalive`: seconds that it keeps an idle connection; None: not known.

    For `running` of a hook: `thread` is the ident of the thread that serves, `root` the pid of the master if this is
    its worker.
    """
    process = _load()
    if process is not None:
        process.server.listening(address, port, protocol, tls, keepalive, thread=thread, root=root)


def bound(
    sockets: Iterable[Any], *, tls: bool, keepalive: Optional[float], thread: Optional[int] = None,
    root: Optional[int] = None,
) -> None:  # fmt: skip
    """An HTTP server of this process has bound these sockets: `listening` for each that is no Unix socket.

    Asks the library's own objects, so it is called by a function of a hook that is `guarded`.
    """
    for sock in sockets:
        name = sock.getsockname()
        if isinstance(name, tuple):
            listening(name[0], name[1], "http", tls, keepalive, thread=thread, root=root)


@guarded(default=False, where="listening")
def named(port: int) -> bool:
    """Whether the operator named the port: for servers that count only then."""
    process = _load()
    return process is not None and port in process.server.named


@guarded(where="listening")
def unfinished(count: Callable[[], int]) -> None:
    """For a server that sends the end of a response after its request has ended.

    ``count()`` answers how many of its connections have something to read or to write still; another thread asks.
    """
    process = _load()
    if process is not None:
        process.server.unfinished = guarded(default=0, where="listening")(count)


def _nothing() -> None:
    """For what nobody keeps."""


@guarded(default=_nothing, where="lasting")
def lasting(close: Callable[[], object], loop: Any) -> Callable[[], None]:
    """A connection that lasts, as a WebSocket does, is open; answers what is to be called when it has ended.

    While the instance drains, ``close()`` is called in its event loop, at most once and at a moment of its own: it ends
    the connection as the server itself would, and does nothing where that is under way.
    """
    process = _load()
    return _nothing if process is None else process.server.lasting.add(guarded(where="lasting")(close), loop)


@guarded(where="ready")
def ready() -> None:
    """This process (a worker, or a server that is its own worker) serves from now on."""
    process = _load()
    if process is not None:
        process.ready()


@guarded(where="stopped")
def stopped() -> None:
    """The last server of this process has closed its sockets, and the program goes on."""
    if _process is not None:
        _process.stopped()


@guarded(where="forks")
def forks(*, spawns: bool = False) -> None:
    """This process is a master of workers that serve: no thread of ours may run here. Said before `listening`.

    `spawns`: it does not fork them, they begin with an interpreter of their own.
    """
    process = _load()
    if process is not None:
        process.fork_master(spawns=spawns)


@guarded(where="forks")
def keeps(workers: int, *, ignores: Tuple[int, ...] = ()) -> None:
    """This process is a master that has bound its sockets, and keeps so many workers: all of them are to be warm.

    `ignores`: stop signals that it catches and does nothing about; they end no instance.
    """
    if _process is not None:
        _process.server.keeps(workers, ignores)


@guarded(where="signals")
def signals(pid: int) -> None:
    """This process is about to send a stop signal to one of its own children, which shall act at once."""
    if _process is not None:
        _process.server.signals(pid)


@guarded(default=False, where="gate")
def gate(signum: int, *, echo: bool = False) -> bool:
    """A stop signal arrived. True: hold it, the drain goes on; False: the app's own handler runs now.

    `echo`: a loop's callback for a signal whose handler ran as well; it is never taken for a second signal.
    """
    if _applied.crash is not None:
        _applied.crash.survived()
    if _hand_on is not None:
        return _hand_on(signum)
    return False if _process is None else _process.server.gate(signum, echo=echo)


def hands_on(yes: bool) -> None:
    """Whether this process does nothing but wait for a child that serves: its stop signal is the child's then."""
    global _hand_on  # noqa: PLW0603 -- the main thread waits for one
    from ._children import HandOn  # noqa: PLC0415 - few processes are such

    _hand_on = HandOn() if yes else None


@guarded(default=False, where="gate")
def leave() -> bool:
    """The process dies now, by the default action of a stop signal. Whether it has served anything."""
    return _process is not None and _process.server.leaves()


def holds() -> bool:
    """Whether a stop signal is held, or is being delivered."""
    return _process is not None and _process.server.holds


@guarded(where="wake")
def wake() -> None:
    """Load the runtime of a process that started dormant, so that its agent thread hears when the mode changes."""
    process = _load()
    if process is not None:
        process.start()


def calls_under_way() -> bool:
    """Whether this process has routed calls that have not ended."""
    return _process is not None and any(_process.local.inflight.values())


def thread_of(loop: Any) -> int:
    """The ident of the thread that runs an event loop; of one that does not say, that of the main thread."""
    from threading import main_thread  # noqa: PLC0415 - whoever has a loop has loaded it

    ident: Optional[int] = getattr(loop, "_thread_id", None) or main_thread().ident
    return ident or _thread.get_ident()


def ask_main_thread(function: Callable[[], object]) -> None:
    """Let the main thread, which alone may set signal handlers, call ``function()`` as soon as it runs Python code."""
    from . import _main_thread  # noqa: PLC0415 - only where the mode changes

    _main_thread.soon(function)
