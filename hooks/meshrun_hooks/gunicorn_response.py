"""gunicorn's response head: where the status is known, keep-alive ends and the draining mark is written.

`Response.should_close` is asked again after the body, when a stop may have begun meanwhile; so the decision is made
once, here, and kept in the response by its own `force_close`.
"""

from __future__ import annotations

from typing import Any, List

from meshrun import hook

LIBRARY = "gunicorn"
SUPPORTED = (">=20.1", "<28")
VERSION = ("gunicorn", "__version__")
SEAMS = ("gunicorn.http.wsgi:Response.default_headers",)


@hook.guarded(default=())
def _head(response: Any) -> List[str]:
    request = getattr(response.req, "meshrun", None)  # set by the hook of the worker
    if request is None:
        return []
    request.status(response.status_code)
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
