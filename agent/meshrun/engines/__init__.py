"""One file per engine: what holds rules and instances."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Mapping, Tuple

from ..core import redact
from ..core.places import state_dirs
from .base import Engine, EngineError
from .folders import SYSTEM_STORE

ENGINES = {"file": "file"}
"""Scheme of a store's URL -> the module of its engine, whose ``open_url`` makes it."""


def open_engine(url: str) -> Engine:
    """The engine that a URL such as ``file:/var/lib/meshrun/store`` names. Nothing is read or written yet.

    Raises `EngineError` when there is no such engine.
    """
    scheme, colon, _ = url.partition(":")
    if not colon or scheme not in ENGINES:
        known = ", ".join(name + ":" for name in sorted(ENGINES))
        shown = redact.text(url)[:200]
        raise EngineError("no engine for the store %r; expected a URL that begins with one of: %s" % (shown, known))
    engine: Engine = import_module("." + ENGINES[scheme], __package__).open_url(url)
    return engine


def default_store(environ: Mapping[str, str], uid: int) -> Tuple[str, str]:
    """The store of a process that no setting gives one: its URL, and why that one."""
    if uid == 0:
        return "file:" + SYSTEM_STORE, "the machine's store, for root"
    if os.path.isdir(SYSTEM_STORE):
        return "file:" + SYSTEM_STORE, "the machine's store, which exists"
    home = environ.get("HOME", "").rstrip("/")
    state = environ.get("XDG_STATE_HOME", "").rstrip("/")
    if state.startswith("/"):
        return "file:%s/meshrun/store" % state, "$XDG_STATE_HOME, for want of %s" % SYSTEM_STORE
    if home.startswith("/"):
        return "file:%s/.local/state/meshrun/store" % home, "the home folder, for want of %s" % SYSTEM_STORE
    places = state_dirs(environ, uid, environ.get("MESHRUN_STATE_DIR"))
    place = next((place for place in places if _usable(place, uid)), places[-1])
    return "file:%s/store" % place, "the state folder, gone after a reboot, for want of HOME and %s" % SYSTEM_STORE


def _usable(place: str, uid: int) -> bool:
    """Whether a folder is ours, or we may make it."""
    try:
        return os.stat(place).st_uid == uid
    except OSError:
        return os.access(os.path.dirname(place), os.W_OK | os.X_OK)
