"""A plain WSGI app."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, Iterator
from urllib.parse import parse_qs

from tests.contract.apps import state

ROUTES: Dict[str, Callable[[], str]] = {
    "/handlers": state.handlers, "/fork": lambda: str(state.fork()), "/pool": state.pool,
}  # fmt: skip


class Body:
    """Yields what it sees at each piece and notes what it sees when it is closed."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(3):
            yield (state.colour() + "\n").encode()

    def close(self) -> None:
        state.note("closed", state.colour())


def events(environ: Dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """A stream of events as the query describes it, until the client goes away."""
    told = state.Told(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", told.kind)])
    try:
        for piece in told.pieces():
            yield piece
            time.sleep(told.pause)
    except GeneratorExit:
        told.note("closed")
        raise
    told.note("served")


def application(environ: Dict[str, Any], start_response: Callable[..., Any]) -> Any:
    path = environ["PATH_INFO"]
    if path == "/events":
        return events(environ, start_response)
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Body()
    if path == "/hold":
        name = parse_qs(environ["QUERY_STRING"])["gate"][0]
        state.note(name + ".begun", str(os.getpid()))
        state.wait(name)
    if path == "/fail":
        raise LookupError("the app's own")
    body = ROUTES.get(path, state.colour)().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
