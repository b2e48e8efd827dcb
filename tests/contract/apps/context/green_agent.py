"""Native threads of a patched program, before and after its first mesh call."""

from __future__ import annotations

import os
import sys

if sys.argv[1] == "gevent":
    from gevent import monkey

    monkey.patch_all()
else:
    import eventlet

    eventlet.monkey_patch()

import time

import follow
import urllib3  # noqa: F401


def native():
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - plain


def settled():
    """A thread that a library starts for a look-up of a name is there from the first such call on."""
    import socket

    socket.getaddrinfo("localhost", 80)
    time.sleep(0.1)
    return native()


seen = {"native bare": settled()}
with follow.serving("gray"):
    seen["reached"] = follow.reached()
seen["native"] = native()
follow.answer(seen)
