"""Whether this process starts dormant: the finder is in, nothing is patched."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Optional


def dormant(environ: Mapping[str, str], uid: int) -> Optional[str]:
    """Why nothing is to be patched, or None. Costs a few `stat` calls and opens nothing."""
    mode = environ.get("MESHRUN_MODE", "").strip()
    if mode in ("off", "dormant"):
        return "mode " + mode
    for place in state_dirs(environ, uid):
        try:
            if os.lstat(place).st_uid != uid:
                continue
        except OSError:
            continue
        # The first folder that is ours is the state folder; one that somebody else made must not switch us off.
        return "kill switch %s/off" % place if os.path.lexists(place + "/off") else None
    return None


def state_dirs(environ: Mapping[str, str], uid: int) -> List[str]:
    """As ``core.places.state_dirs`` (a test holds them together), without the modules that core loads."""
    setting = environ.get("MESHRUN_STATE_DIR", "").strip()
    if setting:
        return [setting]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = ["/run/meshrun", runtime.rstrip("/") + "/meshrun"] if runtime.startswith("/") else ["/run/meshrun"]
    return [*places, "/tmp/meshrun-%d" % uid]  # noqa: S108 - DESIGN 6 names it; its owner is checked
