"""Server-sent events of gunicorn's own ASGI worker, over HTTP/1: while the instance drains, each ends between two.

All that follows the head of a response is written by two methods of its connection. The connection of such a stream has
others in their places until it ends, and is closed by gunicorn's own means then: the application sees what it sees when
its client has gone. No hook of its own: `gunicorn_asgi` sees the head.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from meshrun import hook

_CHUNKED = (b"transfer-encoding", "transfer-encoding")
_LAST_CHUNK = b"0\r\n\r\n"


def _ender(protocol: Any, ended: Callable[[], None], last: bytes) -> Callable[[], None]:
    """What ends the response of a connection, and with it the connection."""
    write = protocol._safe_write  # noqa: SLF001 -- what its application's messages end in

    def end() -> None:
        ended()
        if protocol._closed:  # noqa: SLF001 -- the client has gone
            return
        data = (protocol._response_buffer or b"") + last  # noqa: SLF001 -- the head waits there for the first event
        protocol._response_buffer = None  # noqa: SLF001 -- as above
        if data:
            write(data)
        protocol._close_transport()  # noqa: SLF001 -- behind what its buffer holds

    return end


@hook.guarded(default=None)
def watched(protocol: Any, served: Any, headers: Any) -> Optional[Callable[[], None]]:
    """Follow the response to `served` if it begins a stream of events. Answers what to call when it has ended."""
    events = served.events(headers)
    if events is None:
        return None
    from asyncio import get_running_loop

    send_body, safe_write = protocol._send_body, protocol._safe_write  # noqa: SLF001 -- no public part of it writes

    def send_event(body: Any, chunked: Any = False, last: Any = False, *args: Any) -> None:
        send_body(body, chunked, last, *args)
        if last:
            ended()
        elif events.sent(body):
            events.end()

    def write_last(data: Any) -> None:
        ended()
        safe_write(data)

    def ended() -> None:
        events.forget()
        if vars(protocol).get("_send_body") is send_event:  # else the connection has another request by now
            del protocol._send_body, protocol._safe_write  # noqa: SLF001 -- those of its class come back

    chunked = any(name.lower() in _CHUNKED for name, _ in headers)
    events.watch(_ender(protocol, ended, _LAST_CHUNK if chunked else b""), get_running_loop())
    protocol._send_body, protocol._safe_write = send_event, write_last  # noqa: SLF001 -- as above
    return ended
