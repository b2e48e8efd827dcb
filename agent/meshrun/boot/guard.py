"""Runs our own code inside the app's imports: nothing that it raises comes out, nothing that the app raises is lost."""

from __future__ import annotations

from .. import _guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, TypeVar

    _T = TypeVar("_T")

_OWN = ("meshrun", "meshrun_hooks")


def attempt(
    where: str, function: Callable[..., _T], *args: Any, failed: Optional[Callable[[str], None]] = None
) -> Optional[_T]:
    """Call `function`; what it raises is reported under `where`, handed to `failed` as text, and answered with None.

    Ctrl-C goes through, and so does what a signal handler of the app raised while our code happened to run
    (``SystemExit`` on SIGTERM is the usual way to end): an exit raised by code of ours does not.
    """
    try:
        return function(*args)
    except Exception as error:  # noqa: BLE001 - this is the guard
        reason = _text(error)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or not _raised_by_us(error):
            raise
        reason = _text(error)
    _guard.report(where, reason)
    if failed is not None:
        failed(reason)
    return None


def whole(function: Callable[[], object], undo: Callable[[], object], where: str) -> None:
    """Call `function`; where it fails half-way, `undo` what it did, and let what it raised go on."""
    try:
        function()
    except BaseException:
        attempt(where, undo)
        raise


def _raised_by_us(error: BaseException) -> bool:
    """Whether the innermost frame is of meshrun or of a hook file."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    module = step.tb_frame.f_globals if step is not None else {}
    return str(module.get("__name__")).partition(".")[0] in _OWN or "SEAMS" in module


def _text(error: BaseException) -> str:
    return "%s: %s" % (type(error).__name__, error) if str(error) else type(error).__name__
