"""granian by its own command on a port that is free: given none it says none, and each worker may bind another one."""

from __future__ import annotations

import socket
import sys

from granian.cli import entrypoint

if __name__ == "__main__":
    # Bound, not listening, it takes no connection; but nobody else is given its port as long as the program runs.
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    sys.argv[1:1] = ["--host", "127.0.0.1", "--port", str(reserved.getsockname()[1])]
    entrypoint()
