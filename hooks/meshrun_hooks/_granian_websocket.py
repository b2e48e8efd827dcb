"""granian's WebSockets over ASGI: while the instance drains, each is closed by 1012.

The connection belongs to granian's part in Rust, and is held there as long as the application waits for a message: a
close would wait for that. So the wait is ended first; the application reads a disconnect, as when a client closes. No
hook of its own: `granian_mp` wraps the application.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from meshrun import hook

_SERVICE_RESTART = 1012
_CLOSE_SECONDS = 1.0
"""How long the application waits for the close to be sent to a client that does not read."""


class WebSocket:
    """One WebSocket: `receive` and `send` are what the application is handed instead of granian's."""

    __slots__ = ("_closing", "_ended", "_loop", "_original_receive", "_original_send", "_waits")

    def __init__(self, receive: Callable[[], Any], send: Callable[[Any], Any], loop: Any) -> None:
        self._original_receive = receive
        self._original_send = send
        self._loop = loop
        self._waits: List[Any] = []  # what `receive` of granian answered, until it is done
        self._closing: Any = None  # the task that sends our close
        self._ended: Optional[Callable[[], None]] = None

    async def receive(self) -> Any:
        """The next message; after our close a disconnect, however often it is asked."""
        from asyncio import CancelledError

        if self._closing is not None:
            return await self._disconnect()
        wait = self._original_receive()
        self._waits.append(wait)
        try:
            return await wait
        except CancelledError:
            if wait in self._waits:  # somebody else's
                raise
            return await self._disconnect()
        finally:
            if wait in self._waits:
                self._waits.remove(wait)

    async def send(self, message: Any) -> Any:
        """Hand a message on; after our close there is nobody to send it to, which granian does not say either."""
        if self._closing is not None:
            return None
        if message["type"] == "websocket.close":
            self.ended()
        answer = await self._original_send(message)
        if message["type"] == "websocket.accept":
            self._ended = hook.lasting(self._close, self._loop)
        return answer

    def ended(self) -> None:
        """The application closes it, or has returned."""
        if self._ended is not None:
            self._ended()
            self._ended = None

    def _close(self) -> None:
        """The moment that was drawn has come."""
        self._closing = self._loop.create_task(self._say())
        for wait in list(self._waits):
            if wait.cancel():  # else it has its message, or was cancelled by the application
                self._waits.remove(wait)

    @hook.guarded()
    async def _say(self) -> None:
        await self._original_send({"type": "websocket.close", "code": _SERVICE_RESTART})

    async def _disconnect(self) -> Dict[str, Any]:
        """Granian closes without the code once the application returns, so it is told when the close is sent."""
        from asyncio import wait

        await wait((self._closing,), timeout=_CLOSE_SECONDS)
        return {"type": "websocket.disconnect", "code": _SERVICE_RESTART}


@hook.guarded(default=None)
def websocket(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> Optional[WebSocket]:
    """That of the running task; None: it is a request, or granian's own kind of task, which nobody can interrupt."""
    if scope["type"] != "websocket":
        return None
    from asyncio import current_task, get_running_loop

    if type(current_task()).__module__ == "granian._futures":
        return None
    return WebSocket(receive, send, get_running_loop())
