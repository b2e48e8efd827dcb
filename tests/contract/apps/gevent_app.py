"""A plain WSGI app behind gevent's server: ``serve``, ``green`` (a greenlet), ``signals``, ``plain`` (not patched)."""

from __future__ import annotations

import sys

if sys.argv[1] != "plain":  # before all else that it imports
    from gevent import monkey

    monkey.patch_all()

import signal

import gevent
from gevent.pywsgi import WSGIServer

from tests.contract.apps import state
from tests.contract.apps.wsgi import application

if __name__ == "__main__":
    server = WSGIServer(("127.0.0.1", 0), application, log=None)
    server.init_socket()
    state.say("running on http://127.0.0.1:%d" % server.address[1])
    if sys.argv[1] == "signals":
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, server.stop)
    if sys.argv[1] == "green":
        gevent.joinall([gevent.spawn(server.serve_forever)])
    else:
        server.serve_forever()
    state.say("at the end")
