"""granian's responses over ASGI: the head, which says more while the instance drains, and streams of events.

The application's messages go to granian's part in Rust, which holds the connection. A stream of server-sent events is
ended by the message that the application would end it with. What it sends then would be an error, and is dropped. The
connection stays: the next response on it says `close`. No hook of its own: `granian_mp` wraps the application.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator

from meshrun import hook

from .uvicorn_h11 import LAST, parting


class _Dropped:
    """What awaits nothing, as granian's own answers are no coroutines either."""

    __slots__ = ()

    def __await__(self) -> Iterator[Any]:
        return iter(())


class Response:
    """That to one request: `send` is what the application is handed instead of granian's."""

    __slots__ = ("_events", "_over", "_request", "_scope", "_send")

    def __init__(self, request: Any, scope: Any, send: Callable[[Any], Any]) -> None:
        self._request = request
        self._scope = scope
        self._send = send
        self._events: Any = None  # those that it is a stream of
        self._over = False  # the stream was ended by us

    def send(self, message: Any) -> Any:
        """Hand a message on; its answer is to be awaited."""
        events = self._events
        if events is None:
            return self._send(self._head(message) or message)
        if self._over:
            return _Dropped()
        if not message.get("more_body", False):
            events.forget()
            return self._send(message)
        answer = self._send(message)
        if events.sent(message.get("body", b"")):
            events.end()
        return answer

    def ended(self) -> None:
        """The application has returned."""
        if self._events is not None:
            self._events.forget()

    @hook.guarded(default=None)
    def _head(self, message: Any) -> Any:
        """The message to send instead; None: the application's own."""
        if message["type"] != "http.response.start":
            return None
        request = self._request
        request.status(message["status"])
        events = request.events(message.get("headers", ()))
        if events is not None:
            self._watch(events)
        if not request.closing:
            return None
        headers = parting(message.get("headers", ()), request, close=self._scope["http_version"] < "2")
        return dict(message, headers=headers)

    def _watch(self, events: Any) -> None:
        from asyncio import get_running_loop

        events.watch(self._end, get_running_loop())
        self._events = events

    def _end(self) -> None:
        self._events.forget()
        self._over = True
        self._send(LAST)  # which waits for nothing
