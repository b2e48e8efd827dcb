"""Server-sent events: which responses are such streams, and where one of them may end without a torn event.

While the instance drains, each ends at a moment of its own, as WebSockets do, but never before a blank line: its client
takes that for a clean end, connects again by itself, and says the id of the last event that it has seen.
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, Tuple

from .. import _guard
from .headers import text

if TYPE_CHECKING:
    from ..lifecycle.requests import Requests
    from .headers import Name

KIND = "text/event-stream"
AGAIN_SECONDS = 0.1
_TAIL_BYTES = 3
"""What decides whether a line end is that of a blank line: CR LF, and what stands before it."""
_TYPE = "content-type"
_FIXED = ("content-length", "content-encoding")
"""Headers of a body that ends at a place of its own: behind so many bytes, or with a compressed block."""
_TYPE_SIZE, _KIND_SIZE, _SIZES = len(_TYPE), len(KIND), tuple(map(len, _FIXED))


def are_events(headers: Sequence[Tuple[Name, Name]]) -> bool:
    """Whether the head of a response begins server-sent events that may end behind any of them.

    `headers` are pairs, str or bytes. What is no list or tuple might be read once only, and is not looked at.
    """
    if not isinstance(headers, (list, tuple)):
        return False
    for name, value in headers:
        if len(name) == _TYPE_SIZE and text(name).lower() == _TYPE:
            if len(value) < _KIND_SIZE or text(value).partition(";")[0].strip().lower() != KIND:
                return False
            break
    else:
        return False
    return not any(len(name) in _SIZES and text(name).lower() in _FIXED for name, _ in headers)


def is_whole(tail: bytes) -> bool:
    """Whether a stream that ends with `tail` ends between two events: with a blank line, or before anything was sent.

    `tail` has its last three bytes, or all of it. A line ends with CR LF, LF or CR.
    """
    if not tail:
        return True
    if not tail.endswith((b"\n", b"\r")):
        return False
    line = tail[:-2] if tail.endswith(b"\r\n") else tail[:-1]
    return not line or line.endswith((b"\n", b"\r"))


def _nothing() -> None:
    """For a stream that nobody watches."""


class Events:
    """One such stream: what the application has sent of it, and when it is to end.

    Where a thread sends it, the object stands for the event loop that `Lasting` asks: it notes the moment, and the
    thread sees it at its next event.
    """

    __slots__ = ("_server", "_tail", "_waits", "at", "end", "forget")

    def __init__(self, server: Requests) -> None:
        self._server = server
        self._tail = b""
        self._waits = False
        self.end: Callable[[], object] = _nothing
        """Ends the stream; see `watch`."""
        self.at: Optional[float] = None
        """From when on it is to end, by the monotonic clock; None: there is no such moment yet."""
        self.forget: Callable[[], None] = _nothing
        """Called when the response has ended, in whatever way."""

    def watch(self, end: Callable[[], object], loop: Any) -> None:
        """The head is about to be sent from an event loop.

        ``end()`` runs there at the moment, if the stream is whole then; whoever gets True from `sent` calls it as well.
        """
        self.end = _guard.guarded(where="events")(end)
        self.forget = self._server.lasting.add(self.close, loop)

    def watch_thread(self) -> None:
        """The head is being sent by a thread, and what comes with it is not known: the answers of `sent` tell all."""
        self._tail = b"?"
        self.forget = self._server.lasting.add(self.close, self)

    @_guard.guarded(default=False, where="events")
    def sent(self, data: Any) -> bool:
        """The application sends `data`, bytes of any kind. True: the stream ends behind them."""
        if type(data) is bytes and len(data) >= _TAIL_BYTES:
            self._tail = data  # cut when somebody looks at it, which is once in the life of most streams
        else:
            self._tail = (self._tail[-_TAIL_BYTES:] + bytes(data[-_TAIL_BYTES:]))[-_TAIL_BYTES:]
        return self.at is not None and self.at <= monotonic() and is_whole(self._tail[-_TAIL_BYTES:])

    @_guard.guarded(where="events")
    def close(self) -> None:
        """The moment is there: end it now, or else behind the event that is being sent."""
        self.at = 0.0
        if is_whole(self._tail[-_TAIL_BYTES:]):
            self.end()

    def close_later(self, loop: Any) -> None:
        """It cannot end in this instant: try again in a little while."""
        if not self._waits:
            self._waits = True
            loop.call_later(AGAIN_SECONDS, self._again)

    def _again(self) -> None:
        self._waits = False
        self.close()

    def call_soon_threadsafe(self, function: Callable[..., object], *args: object) -> None:
        """As the method of an event loop."""
        function(*args)

    def call_later(self, delay: float, _: Callable[[], object]) -> None:
        """As the method of an event loop. `delay`: seconds."""
        self.at = monotonic() + delay
