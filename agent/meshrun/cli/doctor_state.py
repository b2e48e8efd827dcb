"""What a program started here would work on: settings, mode, kill switch, state folder, store."""

from __future__ import annotations

import os
import stat
from typing import Iterator, Optional

from ..boot import crash, switch
from ..core import places
from ..core.settings import READS
from . import output, store
from .checks import FINE, NOTE, WRONG, Check
from .errors import Failure
from .invocation import Invocation


def checks(here: Invocation) -> Iterator[Check]:
    """All of them; `here` has the environment of the program."""
    try:
        chosen = here.settings
    except Failure as failure:
        yield Check("settings", WRONG, "%s: %s" % (failure.what, failure.why), failure.mend, failure.code)
        return
    if chosen.warnings:
        what = "%s; the first: %s" % (output.count(len(chosen.warnings), "setting is wrong", "settings are wrong"),
                                      chosen.warnings[0])  # fmt: skip
        yield Check("settings", WRONG, what, "`meshctl config check` names each.", "MR2004")
    else:
        found = here.settings_file
        yield Check("settings", FINE, "from the environment" + (" and " + found if found else ""))
    yield _service(here)
    yield _mode(here)
    yield _kill_switch(here)
    yield from _crashes(here)
    yield _state(here)
    yield _store(here)
    if any(name.startswith("ISTIO_META_") for name in here.environ):
        yield Check(
            "sidecar", NOTE, "an Istio sidecar routes here: meshrun carries the colour and leaves routing to it"
        )


def _service(here: Invocation) -> Check:
    settings = here.settings
    if settings.unregistered is None:
        tags = output.pairs(settings.tags)
        said = here.settings.caller + ("" if tags == "-" else ", tags " + tags)
        return Check("service", FINE, "%s (%s)" % (said, here.origin("SERVICE")))
    what = "%s: calls are routed, nothing is registered" % settings.unregistered
    state = WRONG if settings.unread & {"SERVICE", "NAMESPACE", "TAGS", "LANE"} else NOTE
    return Check("service", state, what, "Start a service with MESHRUN_SERVICE=NAME.", "MR6003")


def _mode(here: Invocation) -> Check:
    mode = str(here.settings.values["MODE"])
    said = "%s (%s), until a Policy says otherwise" % (mode, here.origin("MODE"))
    if mode in READS:
        return Check("mode", FINE, said)
    return Check(
        "mode", NOTE, said, "Nothing is patched in this mode; `meshctl mode` says who runs in which.", "MR7012"
    )


def kill_switch(here: Invocation) -> Optional[str]:
    """The file that switches off every process of the state folder, if it is there."""
    place = state_folder(here)
    path = None if place is None else os.path.join(place, "off")
    return path if path is not None and os.path.lexists(path) else None


def _kill_switch(here: Invocation) -> Check:
    path = kill_switch(here)
    if path is None:
        return Check("kill switch", FINE, "not set")
    what = "%s is there: every process of this state folder is dormant" % path
    return Check("kill switch", WRONG, what, "`meshctl mode enforce --local` removes it.", "MR7006")


def _crashes(here: Invocation) -> Iterator[Check]:
    """The young deaths that the crash guard counted; three in a row make the next start dormant."""
    place = state_folder(here)
    for service, command, deaths in crash.seen(place) if place is not None else ():
        who = "%s%s" % (command[:80], service and " (%s)" % service)
        what = "%s died within 10 s of its start, %s in a row" % (who, output.count(deaths, "time"))
        left = crash.DEATHS - deaths
        mend = "After %s more it starts once without meshrun. See its stderr." % output.count(left, "time")
        yield Check("crash guard", WRONG, what, mend, "MR7007")


def state_folder(here: Invocation) -> Optional[str]:
    """The state folder that a process takes: the first that is its own, else the first that it could make."""
    setting = here.settings.values["STATE_DIR"]
    candidates = places.state_dirs(here.environ, here.uid, setting)
    mine = switch.own(candidates, here.uid)
    if mine is not None:
        return mine
    return next((place for place in candidates if not os.path.lexists(place) and _may_make(place)), None)


def _may_make(path: str) -> bool:
    """Whether this user could make a folder, or write into one that is there."""
    while path and not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.access(path or "/", os.W_OK | os.X_OK)


def _state(here: Invocation) -> Check:
    """Where admin sockets would lie. Nothing is made."""
    place = state_folder(here)
    mend = "Name another with MESHRUN_STATE_DIR."
    if place is None:
        candidates = places.state_dirs(here.environ, here.uid, here.settings.values["STATE_DIR"])
        what = "none of %s can be made, or they belong to others: no admin socket" % output.listed(candidates)
        return Check("state folder", WRONG, what, mend, "MR7005")
    if not os.path.lexists(place):
        return Check("state folder", FINE, "%s, made when it is first needed" % place)
    found = os.lstat(place)
    if not stat.S_ISDIR(found.st_mode):
        return Check("state folder", WRONG, "%s is no folder" % place, mend, "MR7005")
    if here.uid == os.geteuid() and not os.access(place, os.W_OK | os.X_OK):
        return Check("state folder", WRONG, "%s cannot be written" % place, mend, "MR7005")
    return Check("state folder", FINE, place)


def _store(here: Invocation) -> Check:
    try:
        url, origin = here.store
        contents = store.read(here)
    except Failure as failure:
        return Check("store", WRONG, "%s: %s" % (failure.what, failure.why), failure.mend, failure.code)
    said = "%s (%s): %s, %s" % (
        url, origin, output.count(len(contents.reading.documents), "rule document"),
        output.count(len(contents.instances()), "live instance"),
    )  # fmt: skip
    if contents.reading.problem:
        what = "%s; rules are not in force: %s" % (said, contents.reading.problem)
        return Check("store", WRONG, what, "`meshctl rules lint` lists every problem.", "MR3004")
    scheme, _, folder = here.engine.url.partition(":")
    if scheme == "file" and here.uid == os.geteuid() and not _may_make(folder):
        registers = here.settings.unregistered is None
        what = said + "; it cannot be written, so nothing registers and no rule can be changed"
        return Check("store", WRONG if registers else NOTE, what, "Get write access to the folder.", "MR7010")
    return Check("store", FINE, said)
