"""A program that binds as root, becomes another user, and then lets uvicorn spawn workers on its socket."""

from __future__ import annotations

import inspect
import os
import socket
import sys

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from tests.contract.apps import state

if __name__ == "__main__":
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.set_inheritable(True)
    user = int(sys.argv[1])
    os.setgid(user)
    os.setuid(user)
    state.say("http://127.0.0.1:%d" % bound.getsockname()[1])
    config = Config("tests.contract.apps.asgi:application", workers=2)
    # Until 0.53 the caller says what a worker runs.
    told = {"target": Server(config).run} if "target" in inspect.signature(Multiprocess).parameters else {}
    Multiprocess(config, sockets=[bound], **told).run()
