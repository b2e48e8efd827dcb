"""gunicorn's master: it forks, and it holds the sockets; the workers say when they are ready."""

from __future__ import annotations

from typing import Any, Optional

from meshrun import hook

LIBRARY = "gunicorn"
SUPPORTED = (">=20.1", "<28")
VERSION = ("gunicorn", "__version__")
SEAMS = (
    "gunicorn.arbiter:Arbiter.__init__",
    "gunicorn.arbiter:Arbiter.start",
    "gunicorn.arbiter:Arbiter.kill_worker",
)


def _make_init(original: Any) -> Any:
    def __init__(self: Any, app: Any) -> None:  # noqa: N807 -- the seam has this name
        hook.forks()  # before the application is loaded (preload): its calls must start no thread here
        original(self, app)

    return __init__


@hook.guarded()
def _listening(arbiter: Any) -> None:
    cfg = arbiter.cfg
    # With `reuse_port` each worker binds for itself, so the configured addresses speak for them.
    names = [listener.getsockname() for listener in arbiter.LISTENERS] or cfg.address
    for name in names:
        if isinstance(name, tuple) and name[1]:  # else a Unix socket
            hook.listening(
                name[0], name[1], "http", tls=bool(cfg.is_ssl), keepalive=keepalive(arbiter.worker_class, cfg)
            )
    hook.keeps(cfg.workers)


def keepalive(worker: type, cfg: Any) -> Optional[float]:
    """Seconds for which an idle connection is kept; None where the worker closes after each response."""
    if any(base.__module__ == "gunicorn.workers.sync" for base in worker.__mro__):
        return None
    return float(cfg.keepalive) or None


def _make_start(original: Any) -> Any:
    def start(self: Any) -> None:
        original(self)
        _listening(self)

    return start


def _make_kill_worker(original: Any) -> Any:
    def kill_worker(self: Any, pid: int, sig: int) -> Any:
        hook.signals(pid)
        return original(self, pid, sig)

    return kill_worker


def _seams() -> Any:
    from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

    return (
        (Arbiter, "__init__", _make_init),
        (Arbiter, "start", _make_start),
        (Arbiter, "kill_worker", _make_kill_worker),
    )


patch, unpatch = hook.seams(_seams)
