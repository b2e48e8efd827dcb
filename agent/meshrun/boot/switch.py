"""Whether this process starts dormant: the finder is in, nothing is patched."""

from __future__ import annotations

import os

from .. import _applied
from . import crash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, Mapping, Optional


def dormant(environ: Mapping[str, str], state: Optional[str]) -> Optional[str]:
    """Why nothing is to be patched, or None. Costs a `stat` call and opens nothing."""
    mode = environ.get("MESHRUN_MODE", "").strip()
    if mode in ("off", "dormant"):
        return "mode " + mode
    if state is not None and os.path.lexists(state + "/off"):
        return "%s%s/off" % (_applied.KILLED, state)
    return None


def wakes(reason: str) -> bool:
    """Whether a process that is dormant for this reason may be woken while it runs."""
    return reason != "mode off" and not reason.startswith(crash.REASON)


def state_dir(environ: Mapping[str, str], uid: int) -> Optional[str]:
    """The first folder that is ours: the state folder. One that somebody else made must not switch us off."""
    return own(state_dirs(environ, uid), uid)


def own(folders: Iterable[str], uid: int) -> Optional[str]:
    """The first folder that is there and belongs to that user."""
    for place in folders:
        try:
            if os.lstat(place).st_uid == uid:
                return place
        except OSError:
            continue
    return None


def state_dirs(environ: Mapping[str, str], uid: int) -> List[str]:
    """As ``core.places.state_dirs`` (a test holds them together), without the modules that core loads."""
    setting = environ.get("MESHRUN_STATE_DIR", "").strip()
    if setting:
        return [setting]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = ["/run/meshrun", runtime.rstrip("/") + "/meshrun"] if runtime.startswith("/") else ["/run/meshrun"]
    return [*places, "/tmp/meshrun-%d" % uid]  # noqa: S108 - DESIGN 6 names it; its owner is checked
