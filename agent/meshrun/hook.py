"""The public API of hooks, version 1. A hook translates one library and decides nothing.

Light to import, because a hook is imported while the app imports its library: the runtime is loaded by the first call
that needs it. `outbound` and `inbound` pass the one guard: a failure of ours is reported once, counted, and answered
as "untouched". Functions of a hook file that run beside the library's own go through `guarded`.
"""

from __future__ import annotations

import _thread

from . import _guard

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

_process: Optional[Process] = None
_tried = _settled = False
_loading = _thread.RLock()


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


def _built() -> Process:
    from .runtime import hot_guard  # noqa: PLC0415 -- the runtime is loaded at first use, not at import
    from .runtime import inbound as incoming  # noqa: PLC0415 - as above
    from .runtime import outbound as outgoing  # noqa: PLC0415 - as above
    from .runtime.process import Process  # noqa: PLC0415 - as above

    process = Process()
    _follow()
    _bound["outbound"] = hot_guard.outbound(outgoing.make(process))
    _bound["inbound"] = hot_guard.inbound(incoming.make(process), UNTOUCHED)
    globals().update(_bound)  # from here on hooks call the bound functions directly
    return process


def client(limit: Optional[int]) -> Optional[Client]:
    """A token for one client object of the app. `limit`: idle connections that it keeps; None: no limit."""
    if _load() is None:
        return None
    from .runtime.outbound import Client  # noqa: PLC0415 - loaded by now

    return Client(limit)

def current() -> Optional[Current]:
    """A token of the request that the running code works for; None: nothing of it has to follow anywhere.

    A hook asks where something is spawned, and hands on what `inherited` makes of the token.
    """
    return None  # without the runtime no request has been seen: `_follow` puts the functions of `carry` in


def inherited(
    token: Current, _library: str, _function: Optional[Callable[..., Any]], _kind: Optional[type] = None
) -> Optional[Current]:
    """What is to be current in what is spawned; None: nothing, as in workers and loops that outlive the request.

    `_library`: the seam, as ``meshrun_colour_lost_total`` names it. `_function`: what will run; None: a method of the
    class `_kind`, which is that of the thread, process or greenlet, and None for a task that a pool will run.
    """
    return token


def run(
    _token: Optional[Current], function: Callable[..., Any], args: Tuple[Any, ...] = (),
    kwargs: Optional[Mapping[str, Any]] = None,
) -> Any:  # fmt: skip
    """Call `function` with the token current."""
    return function(*args, **kwargs or {})


def enter(_token: Optional[Current]) -> None:
    """Let the token be current from here on: for what has a context of its own, and the loop of a worker process."""


def context(_token: Current) -> Optional[Context]:
    """A new context in which the token is current and nothing else is set."""
    return None


def pack(_token: Optional[Current]) -> Tuple[Any, ...]:
    """The token as plain values that go through pickle."""
    return ()


def unpack(packed: Tuple[Any, ...]) -> Optional[Current]:
    """The token of another process. Loads no more of the runtime than the context."""
    _follow()
    return unpack(packed)  # by now the one of `carry`


def _follow() -> None:
    from .runtime import carry  # noqa: PLC0415 - a process that serves and spawns nothing coloured does without

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


@guarded(where="ready")
def ready() -> None:
    """This process (a worker, or a server that is its own worker) serves from now on."""
    process = _load()
    if process is not None:
        process.ready()


@guarded(where="forks")
def forks() -> None:
    """This process is a master that will fork workers: no thread of ours may run here."""
    process = _load()
    if process is not None:
        process.fork_master()


@guarded(default=False, where="gate")
def gate(signum: int, *, echo: bool = False) -> bool:
    """A stop signal arrived. True: hold it, the drain goes on; False: the app's own handler runs now.

    `echo`: a loop's callback for a signal whose handler ran as well; it is never taken for a second signal.
    """
    if _applied.crash is not None:
        _applied.crash.survived()
    return False if _process is None else _process.server.gate(signum, echo=echo)


@guarded(where="wake")
def wake() -> None:
    """Load the runtime of a process that started dormant, so that its agent thread hears when the mode changes."""
    process = _load()
    if process is not None:
        process.start()


def calls_under_way() -> bool:
    """Whether this process has routed calls that have not ended."""
    return _process is not None and any(_process.local.inflight.values())


@guarded(where="main thread")
def in_main_thread() -> None:
    """The main thread comes by, which alone may set signal handlers: for servers that began while meshrun was out."""
    if _process is not None:
        _process.server.arm()


_replaced: Dict[Tuple[int, str], Tuple[Any, str, Any, Any, bool]] = {}
_replacing = _thread.RLock()
"""A switch of modes may meet an import that patches; nothing is imported while it is held."""


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put ``make(original)`` in the place of ``owner.name``; raises AttributeError if the seam is gone. Idempotent.

    The new function carries the original's name, qualified name, module, documentation, annotations and attributes,
    so that pickling by name, signatures and tracebacks read as before.
    """
    known = _replaced.get((id(owner), name))
    if known is not None and _holds(vars(owner).get(name), known[3]):
        return  # else the module was reloaded, and its functions are bare again
    own = name in vars(owner)
    original = vars(owner)[name] if own else getattr(owner, name)
    new = make(_called_plainly(owner, original))
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
        if hasattr(original, attribute):
            setattr(new, attribute, getattr(original, attribute))
    new.__dict__.update(getattr(original, "__dict__", {}))
    new.__wrapped__ = original
    setattr(owner, name, new)
    _replaced[id(owner), name] = (owner, name, original, new, own)


def _called_plainly(owner: Any, original: Any) -> Any:
    """What a hook calls as ``original(self, ...)``: the attribute of a class, bound as the interpreter binds it.

    Another agent's wrapper may be a descriptor that learns by ``__get__`` whose method it is; called without, it takes
    the object for the first argument. Its type says so: it answers `isinstance` as the function that it wraps.
    """
    if type(original) is _FUNCTION or not isinstance(owner, type) or not hasattr(type(original), "__get__"):
        return original

    def bound(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original.__get__(self, type(self))(*args, **kwargs)

    return bound


_FUNCTION = type(_called_plainly)


def _holds(outer: Any, ours: Any) -> bool:
    """Whether `ours` is `outer` or lies under the wrappers that others put on it."""
    for _ in range(32):
        if outer is ours or outer is None:
            break
        outer = getattr(outer, "__wrapped__", None) or getattr(outer, "__func__", None)
    return outer is ours


def restore(owner: Any, name: str) -> None:
    """Undo `replace`. Where somebody wrapped ours since, theirs stays.

    Ours below it then answers as untouched by itself, since the mode that takes seams out is dormant.
    """
    entry = _replaced.get((id(owner), name))
    if entry is None:
        return
    _, _, original, new, own = entry
    if vars(owner).get(name) is not new:
        return
    if own:
        setattr(owner, name, original)
    else:
        delattr(owner, name)
    del _replaced[id(owner), name]


def seams(
    listed: Callable[[], Iterable[Tuple[Any, str, Callable[[Any], Any]]]],
) -> Tuple[Callable[[], None], Callable[[], None]]:
    """``patch`` and ``unpatch`` of a hook file, from its function that answers (owner, name, make) of each seam.

    That function imports the library, so it runs when one of the two does, not before. Both go by `replace` and
    `restore`; `patch` raises AttributeError if a seam is gone.
    """

    def patch() -> None:
        for owner, name, make in listed():
            replace(owner, name, make)

    def unpatch() -> None:
        for owner, name, _ in listed():
            restore(owner, name)

    return patch, unpatch
