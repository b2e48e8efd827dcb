"""Where state lies when no setting says so: the state folder of a user, and all folders that root looks at."""

from __future__ import annotations

from typing import List, Mapping, Optional, Tuple


def state_dirs(environ: Mapping[str, str], uid: int, setting: Optional[str] = None) -> Tuple[str, ...]:
    """The state folder's candidates in order; a process takes the first that it owns or can make."""
    if setting:
        return (setting,)
    places: List[str] = ["/run/meshrun"]
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime and runtime.startswith("/"):
        places.append(runtime.rstrip("/") + "/meshrun")
    places.append("/tmp/meshrun-%d" % uid)  # noqa: S108 -- DESIGN 6 names it; it is made 0700 and its owner is checked
    return tuple(places)


OF_UNITS = "/run/meshrun-*"
"""Pattern of the state folders of systemd services (`meshctl vm`), each of which belongs to the service's user."""
SEARCHED_BY_ROOT = ("/run/meshrun", "/run/user/*/meshrun", OF_UNITS, "/tmp/meshrun-*")  # noqa: S108 -- as above
"""Patterns of the state folders of all users."""
