"""Server-sent events of WSGI servers that hand each piece of an iterable to the `write` of an object per response.

A stream of them, and no other response, gets a `write` of its own. The one that is the last sends what ends the body,
and leaves the server's loop by an error, which most servers take for that of a client that has gone: they close the
iterable and the connection, and say nothing.
"""

from __future__ import annotations

from errno import EPIPE
from typing import Any, Callable

from meshrun import hook


class Ended(BrokenPipeError):
    """A stream of events has ended, with all of its response."""

    def __init__(self) -> None:
        super().__init__(EPIPE, "the stream of events has ended")  # gevent looks at the number


@hook.guarded(default=False)
def follow(response: Any, request: Any, headers: Any, last: Callable[[], object]) -> bool:
    """Follow the response if its `headers` begin a stream of events; ``last()`` sends what ends it, and may raise.

    The head is being sent, by the first call of `write`; the `request` knows its status. Answers whether it follows.
    """
    events = request.events(headers)
    if events is None:
        return False
    write = response.write

    def write_event(data: Any) -> None:
        write(data)
        if events.sent(data):
            last()
            raise Ended

    response.write = write_event
    response.meshrun_events = events
    events.watch_thread()
    return True


@hook.guarded()
def forget(response: Any) -> None:
    """A response that is followed has ended, in whatever way."""
    vars(response).pop("meshrun_events").forget()
    del response.write  # it holds the response, which holds the socket
