"""The decide seam, `HTTPConnectionPool.urlopen`: asks for a decision in front of each attempt.

urllib3 runs retries and redirects by calling `urlopen` again from within, so each of them is decided anew.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from meshrun import hook

from . import idle, kinds
from .attempt import CURRENT, Attempt
from .headers import with_set
from .kinds import PLAIN

Function = Callable[..., Any]


def urlopen(original: Any) -> Function:
    """The new `urlopen`. Over the library's own it has the exact signature, which costs least; over another agent's
    wrapper, which may mind what was given by name, it hands on just what it was given."""
    if isinstance(original, FunctionType):
        for make in (_urlopen_2, _urlopen_1):
            exact: Any = make(original)
            if _arguments(exact) == _arguments(original):
                exact.__defaults__ = original.__defaults__
                return exact  # type: ignore[no-any-return]
    return _urlopen_any(method(original))


def method(original: Any) -> Function:
    """`original` as a function that takes the object first, whatever descriptor it is."""
    if isinstance(original, FunctionType):
        return original
    return lambda self, *args, **kwargs: original.__get__(self, type(self))(*args, **kwargs)


def _arguments(function: Any) -> Tuple[str, ...]:
    return function.__code__.co_varnames[: function.__code__.co_argcount]  # type: ignore[no-any-return]


def _urlopen_2(original: Function) -> Function:
    """urllib3 2.x. The defaults are replaced by the original's."""

    def urlopen(
        self: Any, method: Any, url: Any, body: Any = None, headers: Any = None, retries: Any = None,
        redirect: Any = True, assert_same_host: Any = True, timeout: Any = None, pool_timeout: Any = None,
        release_conn: Any = None, chunked: Any = False, body_pos: Any = None, preload_content: Any = True,
        decode_content: Any = True, **response_kw: Any,
    ) -> Any:  # fmt: skip
        if self.proxy is None and type(self) in PLAIN and self.ConnectionCls in PLAIN and url.startswith("/"):
            limit = idle.client(self) if self.block else None
            call = hook.outbound(self.scheme, self.host, self.port, method, url, headers, False, limit)
        else:
            call = _unusual(self, method, url, headers)
        if call is None:
            return original(
                self, method, url, body, headers, retries, redirect, assert_same_host, timeout, pool_timeout,
                release_conn, chunked, body_pos, preload_content, decode_content, **response_kw,
            )  # fmt: skip
        return _decided(
            original, call,
            (self, method, url, body, headers, retries, redirect, assert_same_host, timeout, pool_timeout,
             release_conn, chunked, body_pos, preload_content, decode_content),
            response_kw,
        )  # fmt: skip

    return urlopen


def _urlopen_1(original: Function) -> Function:
    """urllib3 1.26. The defaults are replaced by the original's."""

    def urlopen(
        self: Any, method: Any, url: Any, body: Any = None, headers: Any = None, retries: Any = None,
        redirect: Any = True, assert_same_host: Any = True, timeout: Any = None, pool_timeout: Any = None,
        release_conn: Any = None, chunked: Any = False, body_pos: Any = None, **response_kw: Any,
    ) -> Any:  # fmt: skip
        if self.proxy is None and type(self) in PLAIN and self.ConnectionCls in PLAIN and url.startswith("/"):
            limit = idle.client(self) if self.block else None
            call = hook.outbound(self.scheme, self.host, self.port, method, url, headers, False, limit)
        else:
            call = _unusual(self, method, url, headers)
        if call is None:
            return original(
                self, method, url, body, headers, retries, redirect, assert_same_host, timeout, pool_timeout,
                release_conn, chunked, body_pos, **response_kw,
            )  # fmt: skip
        return _decided(
            original, call,
            (self, method, url, body, headers, retries, redirect, assert_same_host, timeout, pool_timeout,
             release_conn, chunked, body_pos),
            response_kw,
        )  # fmt: skip

    return urlopen


def _urlopen_any(original: Function) -> Function:
    def urlopen(self: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        given = (self, method, url, *args)
        call = _unusual(self, method, url, _argument("headers", given, kwargs))
        if call is None:
            return original(*given, **kwargs)
        return _decided(original, call, given, kwargs)

    return urlopen


_PLACES = {"headers": 4, "retries": 5}


def _argument(name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    place = _PLACES[name]
    return args[place] if len(args) > place else kwargs.get(name)


@hook.guarded(where="urllib3.decide")
def _unusual(pool: Any, method: Any, url: Any, headers: Any) -> Any:
    """Decide a call through a proxy, of an absolute URL, or of a pool of the app's own class."""
    if not kinds.dials(type(pool), pool.ConnectionCls):
        return None
    scheme, host, port, path = kinds.parts(url)
    if pool.proxy is None:
        return hook.outbound(pool.scheme, pool.host, pool.port, method, path, headers, False, idle.client(pool))
    if scheme != "http":  # a tunnel, or TLS that the proxy ends
        return None
    return hook.outbound(scheme, host, port, method, path, headers, True)


@hook.guarded(where="urllib3.begin")
def _begin(call: Any, args: Tuple[Any, ...], kwargs: Mapping[str, Any]) -> Attempt:
    """The attempt of a decided call. A retry or redirect runs inside `urlopen` of the attempt before it, which is over
    by then: the history that it hands on says how it ended."""
    before = CURRENT.get()
    if before is not None and before.call is not None:
        history = getattr(_argument("retries", args, kwargs), "history", None)
        if history:
            before.end(history[-1].status, None, history[-1].error)
    pool = args[0]
    given = _argument("headers", args, kwargs)
    attempt = Attempt(call, pool, with_set(pool.headers if given is None else given, call.set_headers))
    if attempt.elsewhere:
        idle.of(pool)
    return attempt


@hook.guarded(where="urllib3.begin")
def _abandon(call: Any) -> None:
    call.done(sent=False)


def _decided(original: Function, call: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Any:
    """Run `original` once, as the attempt of this call."""
    attempt = _begin(call, args, kwargs)
    if attempt is None:
        _abandon(call)
        return original(*args, **kwargs)
    if len(args) > _PLACES["headers"]:
        args = (*args[:4], attempt.headers, *args[5:])
    else:
        kwargs["headers"] = attempt.headers
    before = CURRENT.get()
    CURRENT.set(attempt)
    response: Optional[Any] = None
    try:
        response = original(*args, **kwargs)
        return response
    finally:
        CURRENT.set(before)
        if attempt.call is not None:
            # Nothing below told the end: a failure of TLS or of sending, a full pool, Ctrl-C.
            if response is not None:
                attempt.end(response.status, response.headers)
            else:
                attempt.end(error=sys.exc_info()[1], sent=attempt.pool is None)
