"""One attempt of one call, from its decision to the head of its response."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Optional, Tuple

MARK = "_meshrun"
"""The attribute under which a connection knows its attempt and a pool its idle connections."""


class Attempt:
    """What the seams below `urlopen` need to know of the attempt that runs above them."""

    __slots__ = ("before", "call", "endpoint", "headers", "lines", "pool")

    def __init__(self, call: Any, pool: Any, split: Tuple[Any, Optional[bytes]], before: Optional[Attempt]) -> None:
        self.call: Any = call  # None once its end was told
        self.pool: Any = pool  # the app's pool until a connection was taken from it, then None
        self.headers, self.lines = split  # the lines until the connection has written them
        self.before = before  # the attempt in whose `urlopen` this one runs
        self.endpoint: Optional[str] = None  # where its connection leads, once its end was told; None: as written

    def took(self, conn: Any) -> None:
        """The connection of this attempt is chosen."""
        conn._meshrun = self  # noqa: SLF001 -- our own mark
        self.pool = None

    def answered(self, status: Any, headers: Any) -> None:
        """Tell, once, that the head of a response came."""
        call, self.call = self.call, None
        if call is not None:
            self.endpoint = call.endpoint
            call.done(status, headers, None, True)

    def failed(self, error: Any, sent: Any) -> None:
        """Tell, once, that no response came; `sent`: something may have reached the endpoint."""
        call, self.call = self.call, None
        if call is not None:
            self.endpoint = call.endpoint
            call.done(None, None, error, sent)


CURRENT: ContextVar[Optional[Attempt]] = ContextVar("meshrun_urllib3", default=None)
"""The attempt whose connection the pool is about to choose. A context variable, because greenlets share a thread."""
