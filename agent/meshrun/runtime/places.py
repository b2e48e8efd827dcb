"""Finds this process's state folder and store: which, and why that one."""

from __future__ import annotations

import os
import stat
from typing import Optional, Tuple

from .. import _guard
from ..core.places import state_dirs
from ..core.settings import Settings


def state_dir(setting: Optional[str], *, became: bool = False) -> Optional[str]:
    """The first candidate that we own and only we can read; made with mode 0700 where it is missing.

    `became`: the process has become another user since it began. The folder of the setting was made for the first one,
    so that user's own come behind it. None, reported, where there is none: the process has no admin socket then, and
    forked workers do not register.
    """
    named = setting and os.path.abspath(setting)
    candidates = state_dirs(os.environ, os.geteuid(), named)
    if became and named:
        candidates += state_dirs(os.environ, os.geteuid())
    for place in candidates:
        if _usable(place, above=bool(named) and place == named):
            return place
    tried = ", ".join(candidates)
    what = "%s cannot be made, or belongs to another user; the process cannot be looked into (MESHRUN_STATE_DIR)"
    _guard.report("no state folder", what % tried)
    return None


def _usable(place: str, *, above: bool) -> bool:
    """Whether the folder is ours, made if it is missing; `above`: also what it lacks above it."""
    try:
        if above:
            os.makedirs(os.path.dirname(place), exist_ok=True)
        os.mkdir(place, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    try:
        seen = os.lstat(place)
    except OSError:
        return False
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
        return False
    if seen.st_mode & 0o077:
        try:
            os.chmod(place, 0o700)
        except OSError:
            return False
    return os.access(place, os.W_OK | os.X_OK)


def store(settings: Settings) -> Tuple[str, str]:
    """The store's URL and where that setting came from."""
    url = settings["STORE"]
    if url:
        origin = settings.origins["STORE"]
        return url, "MESHRUN_STORE" if origin == "environment" else origin
    from ..engines import default_store  # noqa: PLC0415 -- only where no setting names one

    return default_store(os.environ, os.geteuid())
