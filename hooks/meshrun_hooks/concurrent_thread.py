"""`concurrent.futures` threads: a task works for the request that submitted it, the worker thread for none.

The seam is the item that `submit` queues, so executors that build on the standard one and ``run_in_executor`` of any
loop are in. The item of a task that somebody's colour follows into becomes one of a class that runs it with that
colour, callbacks of its future included; all others stay what they are.
"""

from __future__ import annotations

from meshrun import hook

TYPE_CHECKING = False
if TYPE_CHECKING:  # the standard library's module loads no `typing` either
    from typing import Any, Dict

LIBRARY = "concurrent.futures"
SUPPORTED = (">=3.8", "<4")
VERSION = None  # a module of the standard library
SEAMS = ("concurrent.futures.thread:_WorkItem.__init__",)

_classes: Dict[type, type] = {}


def _following(kind: type) -> type:
    """The class of items as `kind` whose task runs with the token that they hold."""

    def run(self: Any, *args: Any) -> Any:
        try:
            return hook.run(self.meshrun, kind.run, (self, *args))  # type: ignore[attr-defined]
        finally:
            self = None  # as the original: an exception's frames must not keep its future alive

    made = type(kind.__name__, (kind,), {"run": run, "__slots__": (), "__module__": kind.__module__})
    return _classes.setdefault(kind, made)


@hook.guarded()
def _follow(item: Any, token: Any) -> None:
    follows = hook.inherited(token, LIBRARY, getattr(item, "fn", None))
    if follows is None:
        return
    kind = type(item)
    following = _classes.get(kind) or _following(kind)
    item.meshrun = follows
    item.__class__ = following


def make_init(original: Any, follow: Any) -> Any:
    """A constructor as `original`, after which `follow` gets the new object and a token, if there is one.

    Every task of an executor goes through it, and handing on ``*args`` would cost a third of what that costs.
    """

    def exact(self: Any, future: Any, fn: Any, args: Any, kwargs: Any) -> None:
        original(self, future, fn, args, kwargs)
        token = hook.current()
        if token is not None:
            follow(self, token)

    def any_other(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        token = hook.current()
        if token is not None:
            follow(self, token)

    code = getattr(original, "__code__", None)
    known = code is not None and code.co_varnames[: code.co_argcount] == ("self", "future", "fn", "args", "kwargs")
    return exact if known else any_other


def _make_init(original: Any) -> Any:
    return make_init(original, _follow)


def _seams() -> Any:
    from concurrent.futures.thread import _WorkItem

    return ((_WorkItem, "__init__", _make_init),)


patch, unpatch = hook.seams(_seams)
