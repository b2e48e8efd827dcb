"""The kill switch: the file ``off`` in a state folder, which needs no store."""

from __future__ import annotations

import os
from typing import List

from . import doctor_state, output
from .errors import Failure
from .invocation import Invocation, reason

NAME = "off"


def folder(call: Invocation) -> str:
    """The state folder that processes started from here take. Raises `Failure` with code MR7005.

    One that ``--state-dir`` names may be another user's: root switches off the services of all.
    """
    named = call.option("state_dir")
    if named and os.path.isdir(named):
        return str(os.path.normpath(named))
    found = doctor_state.state_folder(call)
    if found is None:
        mend = "Name one with --state-dir or MESHRUN_STATE_DIR."
        raise Failure("MR7005", "no state folder can be had", mend=mend)
    return os.path.normpath(found)


def set_(call: Invocation, place: str) -> bool:
    """Put the file there; False: it was. The folder is made where it is missing, as a process makes it."""
    try:
        if call.settings.values["STATE_DIR"]:
            os.makedirs(os.path.dirname(place), exist_ok=True)
        if not os.path.isdir(place):
            os.mkdir(place, 0o700)
        with open(os.path.join(place, NAME), "x", encoding="ascii"):
            return True
    except FileExistsError:
        return False
    except OSError as error:
        raise _failure(place, error) from error


def clear(place: str) -> bool:
    """Take the file away; False: there was none."""
    try:
        os.unlink(os.path.join(place, NAME))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _failure(place, error) from error
    return True


def those_set(folders: List[str]) -> List[str]:
    """The kill switches that are set in some folders."""
    return [path for path in (os.path.join(place, NAME) for place in folders) if os.path.lexists(path)]


def _failure(place: str, error: OSError) -> Failure:
    what = "the kill switch in %s cannot be changed" % output.clean(place)
    return Failure("MR7005", what, reason(error), "Run this as the user of the processes, or name another --state-dir.")
