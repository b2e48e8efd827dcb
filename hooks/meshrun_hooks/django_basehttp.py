"""Django's `runserver`: ready when its loop begins; its requests are those of wsgiref's server, on which it builds.

Under its reloader a child of the process that was started serves, in a side thread; the signals come to its main one.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Optional

from meshrun import hook

from .wsgiref_server import begun, maker

LIBRARY = "django"
SUPPORTED = (">=2.2", "<7")
VERSION = ("django", "__version__")
SERVES = True
SEAMS = ("django.core.servers.basehttp:WSGIServer.serve_forever",)


@hook.guarded()
def _begun(server: Any, thread: Optional[int] = None) -> None:
    if os.environ.get("RUN_MAIN") == "true" and thread is None:  # as `django.utils.autoreload` tells its child
        thread = threading.main_thread().ident
    begun(server, thread, named=False)


_make_serve_forever = maker(_begun)


def _seams() -> Any:
    from django.core.servers.basehttp import WSGIServer  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return ((WSGIServer, "serve_forever", _make_serve_forever),)


patch, unpatch = hook.seams(_seams)


@hook.guarded()
def running() -> None:
    """Servers whose loop began while the seam was out."""
    from django.core.servers.basehttp import WSGIServer  # type: ignore[import-not-found, import-untyped, unused-ignore]

    for thread, server in hook.inside(WSGIServer.serve_forever):
        if isinstance(server, WSGIServer):
            _begun(server, thread)
