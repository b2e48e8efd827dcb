"""Which thread is the main one, which alone may set signal handlers and whose server counts."""

from __future__ import annotations

import _thread
import os
import sys


def here() -> int:
    """The ident of this thread; for any greenlet of the main one that of the main thread.

    In a program that gevent or eventlet patches, each greenlet has an ident of its own.
    """
    threading = sys.modules.get("threading")
    if threading is not None and _thread.get_native_id() == os.getpid():
        return threading.main_thread().ident or 0
    return _thread.get_ident()


def main() -> int:
    """The ident of the main thread; 0: there is no other that would know it."""
    threading = sys.modules.get("threading")
    return 0 if threading is None else threading.main_thread().ident or 0


def is_main(thread: int) -> bool:
    """Whether an ident is that of the main thread."""
    return main() in (0, thread)
