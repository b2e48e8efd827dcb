"""The decide seam, `HTTPConnectionPool.urlopen`: asks for a decision in front of each attempt.

urllib3 runs retries and redirects by calling `urlopen` again from within, so each of them is decided anew.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any, Callable, Optional, Tuple

from meshrun import hook

from . import idle, kinds
from .attempt import CURRENT, Attempt
from .headers import split, with_set
from .kinds import ODD, PLAIN

Function = Callable[..., Any]


def urlopen(original: Any) -> Function:
    """The new `urlopen`.

    Over the library's own it has the exact signature, which costs least; over another agent's wrapper, which may mind
    what was given by name, it hands on just what it was given.
    """
    if isinstance(original, FunctionType):
        for make in (_urlopen_2, _urlopen_1):
            exact: Any = make(original)
            if _arguments(exact) == _arguments(original):
                exact.__defaults__ = original.__defaults__
                return exact  # type: ignore[no-any-return]
    return _urlopen_any(original)


def _arguments(function: Any) -> Tuple[str, ...]:
    return function.__code__.co_varnames[: function.__code__.co_argcount]  # type: ignore[no-any-return]


def _urlopen_2(original: Function) -> Function:
    """urllib3 2.x. The defaults are replaced by the original's."""

    def urlopen(  # noqa: PLR0913, PLR0917 -- the library's signature
        self: Any, method: Any, url: Any, body: Any = None, headers: Any = None, retries: Any = None,
        redirect: Any = True, assert_same_host: Any = True, timeout: Any = None, pool_timeout: Any = None,
        release_conn: Any = None, chunked: Any = False, body_pos: Any = None, preload_content: Any = True,
        decode_content: Any = True, **response_kw: Any,
    ) -> Any:  # fmt: skip
        if self.proxy is None and url.__class__ is str and url[:1] == "/" and not ODD:
            given = self.headers if headers is None else headers
            client = idle.client(self) if self.block else None
            call = hook.outbound(self.scheme, self.host, self.port, method, url, given, False, client)
        else:
            call = _unusual(self, method, url, headers)
        attempt = None if call is None else _begin(self, call, headers, retries) or _abandon(call)
        if attempt is None:
            return original(
                self, method, url, body, headers, retries, redirect, assert_same_host, timeout, pool_timeout,
                release_conn, chunked, body_pos, preload_content, decode_content, **response_kw,
            )  # fmt: skip
        response = None
        try:
            response = original(
                self, method, url, body, attempt.headers, retries, redirect, assert_same_host, timeout, pool_timeout,
                release_conn, chunked, body_pos, preload_content, decode_content, **response_kw,
            )  # fmt: skip
            return response
        finally:
            _leave(attempt, response)
            response = None  # an error of an earlier attempt may keep this frame, which must not keep the response

    return urlopen


def _urlopen_1(original: Function) -> Function:
    """urllib3 1.26. The defaults are replaced by the original's."""

    def urlopen(  # noqa: PLR0913, PLR0917 -- the library's signature
        self: Any, method: Any, url: Any, body: Any = None, headers: Any = None, retries: Any = None,
        redirect: Any = True, assert_same_host: Any = True, timeout: Any = None, pool_timeout: Any = None,
        release_conn: Any = None, chunked: Any = False, body_pos: Any = None, **response_kw: Any,
    ) -> Any:  # fmt: skip
        if self.proxy is None and url.__class__ is str and url[:1] == "/" and not ODD:
            given = self.headers if headers is None else headers
            client = idle.client(self) if self.block else None
            call = hook.outbound(self.scheme, self.host, self.port, method, url, given, False, client)
        else:
            call = _unusual(self, method, url, headers)
        attempt = None if call is None else _begin(self, call, headers, retries) or _abandon(call)
        if attempt is None:
            return original(
                self, method, url, body, headers, retries, redirect, assert_same_host, timeout, pool_timeout,
                release_conn, chunked, body_pos, **response_kw,
            )  # fmt: skip
        response = None
        try:
            response = original(
                self, method, url, body, attempt.headers, retries, redirect, assert_same_host, timeout, pool_timeout,
                release_conn, chunked, body_pos, **response_kw,
            )  # fmt: skip
            return response
        finally:
            _leave(attempt, response)
            response = None  # an error of an earlier attempt may keep this frame, which must not keep the response

    return urlopen


def _urlopen_any(original: Function) -> Function:
    """Whatever the signature is. By position `headers` and `retries` are the second and third after `url`."""

    def urlopen(self: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        headers = args[1] if len(args) > 1 else kwargs.get("headers")
        retries = args[2] if len(args) > 2 else kwargs.get("retries")
        call = _unusual(self, method, url, headers)
        attempt = None if call is None else _begin(self, call, headers, retries) or _abandon(call)
        if attempt is None:
            return original(self, method, url, *args, **kwargs)
        if len(args) > 1:
            args = (args[0], attempt.headers, *args[2:])
        else:
            kwargs["headers"] = attempt.headers
        response = None
        try:
            response = original(self, method, url, *args, **kwargs)
            return response
        finally:
            _leave(attempt, response)
            response = None  # as above

    return urlopen


def shared(pools: Any) -> bool:
    """Whether another agent's wrapper of `urlopen` lies below ours, or is there before us."""
    function = vars(pools.HTTPConnectionPool)["urlopen"]
    if getattr(function, "__globals__", None) is globals():
        function = function.__wrapped__
    return getattr(function, "__globals__", None) is not vars(pools) or type(function) is not FunctionType


def make_request(original: Function) -> Function:
    """`_make_request`, a seam only below such a wrapper, which may have set shared headers anew."""

    def _make_request(self: Any, conn: Any, *args: Any, **kwargs: Any) -> Any:
        attempt = getattr(conn, "_meshrun", None)
        if attempt is not None and attempt.call is not None and "headers" in kwargs:
            kwargs["headers"] = _again(self, attempt.call, kwargs["headers"]) or kwargs["headers"]
        return original(self, conn, *args, **kwargs)

    return _make_request


@hook.guarded(where="urllib3.again")
def _again(pool: Any, call: Any, headers: Any) -> Any:
    """A copy of the headers with what they lack of ours; None: they have it all."""
    return with_set(headers, call, pool) if call.lacks(headers) else None


@hook.guarded(where="urllib3.decide")
def _unusual(pool: Any, method: Any, url: Any, headers: Any) -> Any:
    """Decide a call through a proxy or of an absolute URL, and every call once a pool turned up that is not ours."""
    if not isinstance(url, str) or (ODD and not kinds.dials(pool)):
        return None
    given = pool.headers if headers is None else headers
    scheme, host, port, path = kinds.parts(url)
    if pool.proxy is None:
        return hook.outbound(pool.scheme, pool.host, pool.port, method, path, given, False, idle.client(pool))
    return hook.outbound(scheme, host, port, method, path, given, True) if scheme == "http" else None


@hook.positional(where="urllib3.begin")
def _begin(pool: Any, call: Any, headers: Any, retries: Any) -> Optional[Attempt]:
    """The attempt of a decided call, made the current one; None for a pool that does not dial through our seam.

    A retry or redirect runs inside `urlopen` of the attempt before it, which is over by then: the history that it
    hands on says how it ended.
    """
    if (type(pool) not in PLAIN or pool.ConnectionCls not in PLAIN) and not kinds.dials(pool):
        return None
    before = CURRENT.get()
    if before is not None and before.call is not None:
        history = getattr(retries, "history", None)
        if history:
            if history[-1].error is None:
                before.answered(history[-1].status, None)
            else:
                before.failed(history[-1].error, True)
    attempt = Attempt(call, pool, split(pool.headers if headers is None else headers, call, pool), before)
    if getattr(pool, "_meshrun", None) is None and (call.endpoint is not None or call.refused is not None):
        idle.of(pool)
    CURRENT.set(attempt)
    return attempt


@hook.guarded(where="urllib3.abandon")
def _abandon(call: Any) -> None:
    """The call goes on as if it had not been decided."""
    call.done(None, None, None, False)


def _leave(attempt: Attempt, response: Any) -> None:
    """`urlopen` is left."""
    CURRENT.set(attempt.before)
    attempt.before = attempt.headers = attempt.lines = None  # a connection may keep its last attempt for long
    if attempt.call is not None:
        # Nothing below told the end: a failure of TLS or of sending, a full pool, Ctrl-C.
        if response is not None:
            attempt.answered(response.status, response.headers)
        else:
            attempt.failed(sys.exc_info()[1], attempt.pool is None)
