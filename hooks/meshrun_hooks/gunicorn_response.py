"""gunicorn's response head: where the status is known, keep-alive ends and the draining mark is written.

`Response.should_close` is asked again after the body, when a stop may have begun meanwhile; so the decision is made
once, here, and kept in the response by its own `force_close`.

A stream of server-sent events, and no other response, gets a `write` of its own there. The one that is the last closes
the response as the worker would, and leaves the worker's loop over the application's iterable by `Ended`; the worker
then closes that iterable, as it does where its client has gone.
"""

from __future__ import annotations

from functools import partial
from typing import Any, List

from meshrun import hook

from ._wsgi_events import follow, forget

LIBRARY = "gunicorn"
SUPPORTED = (">=20.1", "<28")
VERSION = ("gunicorn", "__version__")
SEAMS = ("gunicorn.http.wsgi:Response.default_headers",)


class Ended(BaseException):
    """A stream of events has ended, with all of its response; no business of the `except Exception` on its way."""


def _last(response: Any) -> None:
    response.force_close()
    response.close()
    raise Ended


@hook.guarded()
def unwatch(req: Any) -> None:
    """The request has ended."""
    response = vars(req).pop("meshrun_stream", None)
    if response is not None:
        forget(response)


@hook.guarded(default=())
def _head(response: Any) -> List[str]:
    request = getattr(response.req, "meshrun", None)  # set by the hook of the worker
    if request is None:
        return []
    request.status(response.status_code)
    if follow(response, request, response.headers, partial(_last, response)):
        response.req.meshrun_stream = response
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
