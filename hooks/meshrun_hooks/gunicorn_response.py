"""gunicorn's response head: where the status is known, keep-alive ends and the draining mark is written.

`Response.should_close` is asked again after the body, when a stop may have begun meanwhile; so the decision is made
once, here, and kept in the response by its own `force_close`.

A stream of server-sent events, and no other response, gets a `write` of its own there. The one that is the last closes
the response as the worker would, and leaves the worker's loop over the application's iterable by `Ended`; the worker
then closes that iterable, as it does where its client has gone.
"""

from __future__ import annotations

from typing import Any, List, Optional

from meshrun import hook

LIBRARY = "gunicorn"
SUPPORTED = (">=20.1", "<28")
VERSION = ("gunicorn", "__version__")
SEAMS = ("gunicorn.http.wsgi:Response.default_headers",)
_OK = 200


class Ended(BaseException):
    """A stream of events has ended, with all of its response; no business of the `except Exception` on its way."""


def _events(response: Any) -> Optional[Any]:
    """Follow the response if it begins a stream of events."""
    if response.status_code != _OK or response.req.method == "HEAD":
        return None
    return hook.events(response.headers)


@hook.guarded()
def _watch(response: Any, events: Any) -> None:
    write = response.write

    def write_event(arg: Any) -> None:
        write(arg)
        if events.sent(arg):
            response.force_close()
            response.close()
            raise Ended

    response.write = write_event
    response.req.meshrun_stream = (response, events)
    events.watch_thread()


@hook.guarded()
def unwatch(req: Any) -> None:
    """The request has ended."""
    stream = vars(req).pop("meshrun_stream", None)
    if stream is not None:
        response, events = stream
        events.forget()
        del response.write  # it holds the response, which holds the socket


@hook.guarded(default=())
def _head(response: Any) -> List[str]:
    request = getattr(response.req, "meshrun", None)  # set by the hook of the worker
    if request is None:
        return []
    request.status(response.status_code)
    events = _events(response)
    if events is not None:
        _watch(response, events)
    if not request.closing:
        return []
    response.force_close()
    return ["%s: %s\r\n" % pair for pair in request.response_headers()]


def _make_default_headers(original: Any) -> Any:
    def default_headers(self: Any) -> Any:
        more = _head(self)
        headers = original(self)
        return [*headers, *more] if more else headers

    return default_headers


def _seams() -> Any:
    from gunicorn.http.wsgi import Response  # type: ignore[import-untyped]

    return ((Response, "default_headers", _make_default_headers),)


patch, unpatch = hook.seams(_seams)
