"""waitress's tasks: one is one request in a thread, from its head to the last byte that the application gives.

waitress answers 500 to an application that writes `Connection` itself. It closes by its own hand, and says so, where
the client asked for that: so while the instance drains, the request of its task, which the application has got a copy
of by then, asks.

The thread of a stream of events may wait for its client to read. What it has written by the last event is sent by
waitress's loop, for which the drain waits.
"""

from __future__ import annotations

from typing import Any, Optional

from meshrun import hook

from ._wsgi_events import Ended, follow, forget

LIBRARY = "waitress"
SUPPORTED = (">=1.4", "<4")
VERSION = ("waitress", None)
SEAMS = ("waitress.task:Task.service", "waitress.task:Task.build_response_header")
_FAILED = 500


@hook.guarded(default=hook.UNTOUCHED)
def _inbound(task: Any) -> Any:
    asked, address = task.request, task.channel.addr
    peer: Optional[str] = address[0] if address[1] is not None else None  # a Unix socket has none
    path = getattr(asked, "request_uri", None)
    if path is None:  # before 3.0
        path = asked.path + ("?" + asked.query if asked.query else "")
    headers = [(name.replace("_", "-"), value) for name, value in asked.headers.items()]
    task.meshrun = request = hook.inbound(headers, asked.command, path, peer)
    return request


@hook.guarded()
def _failed(task: Any, request: Any) -> None:
    """The application raised: where nothing is sent yet, another task will answer for this one."""
    if not task.wrote_header:
        request.status(_FAILED)
        task.channel.meshrun = request


def _make_service(original: Any) -> Any:
    def service(self: Any) -> None:
        if self.request.error:  # none, or none that could be read
            original(self)
            return
        with _inbound(self) as request:
            done = False
            try:
                original(self)
                done = True
            except Ended:
                self.close_on_finish = True
            finally:
                if "meshrun_events" in vars(self):
                    forget(self)
                if not done:
                    _failed(self, request)

    return service


@hook.guarded()
def _head(task: Any) -> None:
    # Looked up here: a channel answers for the attributes of its socket as well.
    request = vars(task).get("meshrun") or vars(task.channel).pop("meshrun", None)
    if request is None:
        return
    request.status(int(task.status.partition(" ")[0]))
    follow(task, request, task.response_headers, task.finish)
    if request.closing:
        task.request.headers["CONNECTION"] = "close"
        task.response_headers = [*task.response_headers, *request.response_headers()]


def _make_build_response_header(original: Any) -> Any:
    def build_response_header(self: Any) -> Any:
        _head(self)
        return original(self)

    return build_response_header


def _seams() -> Any:
    from waitress.task import Task  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return (
        (Task, "service", _make_service),
        (Task, "build_response_header", _make_build_response_header),
    )


patch, unpatch = hook.seams(_seams)
