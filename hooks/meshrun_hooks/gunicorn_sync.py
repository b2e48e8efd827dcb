"""gunicorn's sync worker: ready when its loop begins; a request lasts until its body is written and closed."""

from __future__ import annotations

import os
import threading
from typing import Any, Optional

from meshrun import hook

from .gunicorn_response import Ended, unwatch

LIBRARY = "gunicorn"
SUPPORTED = (">=20.1", "<28")
VERSION = ("gunicorn", "__version__")
SEAMS = ("gunicorn.workers.sync:SyncWorker.run", "gunicorn.workers.sync:SyncWorker.handle_request")


@hook.positional(default=hook.UNTOUCHED)
def inbound(req: Any, client: Any) -> Any:
    """The context of one request; the response finds it on gunicorn's request object."""
    peer: Optional[str] = client[0] if isinstance(client, tuple) else None
    req.meshrun = request = hook.inbound(req.headers, req.method, req.uri, peer)
    return request


def make_run(original: Any) -> Any:
    """The worker's loop: gunicorn calls it after ``post_worker_init``."""

    def run(self: Any) -> Any:
        hook.ready()
        return original(self)

    return run


def make_handle_request(original: Any) -> Any:
    """One request, of any worker that is handed the same arguments."""

    def handle_request(self: Any, listener: Any, req: Any, client: Any, addr: Any) -> Any:
        with inbound(req, addr):
            try:
                return original(self, listener, req, client, addr)
            except Ended:
                raise StopIteration from None  # as the workers end a connection
            finally:
                if hasattr(req, "meshrun_stream"):
                    unwatch(req)

    return handle_request


def _seams() -> Any:
    from gunicorn.workers.sync import SyncWorker  # type: ignore[import-untyped]

    return ((SyncWorker, "run", make_run), (SyncWorker, "handle_request", make_handle_request))


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def began(kind: type) -> None:
    """A worker of that class that began while the seams were out; the master has copies of those it forked."""
    from .gunicorn_arbiter import keepalive

    for worker in hook.alive(kind):
        if worker.pid != os.getpid() or not worker.booted or not worker.alive:
            continue
        hook.bound(
            worker.sockets, tls=bool(worker.cfg.is_ssl), keepalive=keepalive(kind, worker.cfg),
            thread=threading.main_thread().ident, root=worker.ppid,
        )  # fmt: skip
        hook.ready()


def running() -> None:
    """The worker of this process, if it is one."""
    from gunicorn.workers.sync import SyncWorker

    began(SyncWorker)
