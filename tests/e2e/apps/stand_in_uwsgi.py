"""Stands for uWSGI where a test wants to see each signal: serves HTTP, and writes on stderr what it gets.

Answers its pid; for ``/held`` as soon as a file ``go`` is there. ``die-on-term`` means what it means to uWSGI.
"""

import http.server
import os
import signal
import sys
import threading
import time
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        while self.path == "/held" and not Path("go").exists():
            time.sleep(0.02)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d" % os.getpid())

    def do_OPTIONS(self):
        self.do_GET()

    def log_message(self, *args):
        pass


def told(signum, _frame):
    os.write(2, b"got %s\n" % signal.Signals(signum).name.encode())
    if signum == signal.SIGINT or (signum == signal.SIGTERM and "--die-on-term" in sys.argv):
        os._exit(7)
    if signum == signal.SIGQUIT:
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)


for name in ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "TSTP", "URG", "WINCH", "CONT"):
    signal.signal(getattr(signal, "SIG" + name), told)
os.write(2, b"is %d, listens for %s\n" % (os.getpid(), os.environ.get("LISTEN_PID", "nobody").encode()))
if "--http-socket" in sys.argv:
    host, _, port = sys.argv[sys.argv.index("--http-socket") + 1].rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
while True:
    time.sleep(0.05)
