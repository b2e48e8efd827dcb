"""Django's reloader: as that of Werkzeug."""

from __future__ import annotations

from typing import Any

from meshrun import hook

from .werkzeug_reloader import make_restart

LIBRARY = "django"
SUPPORTED = (">=2.2", "<7")
VERSION = ("django", "__version__")
SEAMS = ("django.utils.autoreload:restart_with_reloader module function: there is no class behind it",)


def _seams() -> Any:
    from django.utils import autoreload  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return ((autoreload, "restart_with_reloader", make_restart),)


patch, unpatch = hook.seams(_seams)
