"""What a process answers to those who operate it: paths, and what is behind each."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Optional, Tuple

from .. import _guard
from ..core import redact
from ..core.settings import MODES

if TYPE_CHECKING:
    from .process import Process


class Answer(NamedTuple):
    """A response."""

    status: int
    kind: str  # the media type
    body: str


Route = Callable[[bytes], Optional[Answer]]
"""None: not yet, and the same is asked again."""
Routes = Mapping[Tuple[str, str], Route]
"""By method and path."""

METRICS = ("GET", "/metrics")
PROBED = (("GET", "/readiness"), ("GET", "/health"), METRICS)
"""What a platform asks: none of it changes anything, or names more than metrics do."""


def plain(status: int, text: str) -> Answer:
    """A line of text."""
    return Answer(status, "text/plain", text + "\n")


def metrics(text: str) -> Answer:
    """A page of samples."""
    return Answer(200, "text/plain; version=0.0.4", text)


class Answers:
    """The whole admin API of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.all: Routes = {
            ("GET", "/readiness"): self._readiness,
            ("GET", "/health"): lambda _: plain(200, "ok"),
            ("GET", "/status"): self._status,
            METRICS: lambda _: metrics(process.exposition()),
            ("POST", "/offline"): self._offline,
            ("POST", "/explain"): self._explain,
            ("POST", "/mode"): self._mode,
        }
        self.probed: Routes = {key: self.all[key] for key in PROBED}

    def _readiness(self, _: bytes) -> Answer:
        seen = self._process.server.status()
        ready = bool(seen.get("ready")) and not seen.get("draining")
        return plain(200, "ready") if ready else plain(503, "not ready")

    def _status(self, _: bytes) -> Answer:
        token = self._process.settings["ADMIN_TOKEN"]
        return _json(redact.shape(dict(self._process.status()), (token,) if token else ()))

    def _offline(self, _: bytes) -> Answer:
        self._process.server.offline()
        return _json({"draining": True})

    def _explain(self, body: bytes) -> Answer:
        from ..core import explain  # noqa: PLC0415 -- only when asked

        process = self._process
        live = process.live
        if live is None:
            return plain(503, "MR5003 no snapshot yet")
        namespace = process.settings["NAMESPACE"]
        try:
            question = explain.read(json.loads(body.decode("utf-8")), namespace)
        except ValueError as error:
            return plain(400, "MR5004 the question cannot be read: %s" % error)
        return _json(explain.explain(live.index, question, namespace, process.local, time(), process.draw).shape())

    def _mode(self, body: bytes) -> Answer:
        modes = self._process.modes
        try:
            wanted = json.loads(body.decode("utf-8"))["mode"]
            known = wanted is None or wanted in MODES
        except (ValueError, LookupError, TypeError):
            known = False
        if not known:
            expected = '{"mode": M} with M null or one of %s' % ", ".join(MODES)
            return plain(400, "MR5005 the mode cannot be read: expected %s" % expected)
        modes.order(wanted, time())
        return _json({"mode": modes.mode, "reason": modes.reason})


def find(routes: Routes, method: str, path: str, body: bytes) -> Optional[Answer]:
    """The answer to a request, None: not yet; HEAD asks as GET does."""
    route = routes.get(("GET" if method == "HEAD" else method, path))
    if route is None:
        known = any(path == other for _, other in routes)
        return plain(405 if known else 404, "MR5001 no such path: %s %s" % (method[:16], path[:80]))
    failed = plain(500, "MR5002 see the process's stderr")
    found: Optional[Answer] = _guard.guarded(default=failed, where="admin")(route)(body)
    return found


def _json(value: Any) -> Answer:
    return Answer(200, "application/json", json.dumps(value, default=str) + "\n")
