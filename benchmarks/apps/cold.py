"""A WSGI app that is slow at first: cold:wsgi says its NAME; where COLD is set its first requests cost more.

The first costs COLD seconds more, each after it less, the 51st nothing. "/" and "*" only ask whether it is up.
"""

import os
import threading
import time

NAME, COLD, FIRST, WORK = os.environ["NAME"], float(os.environ.get("COLD", "0")), 50, 0.016
lock, served = threading.Lock(), [0]


def cost():
    with lock:
        number = served[0]
        served[0] += 1
    return WORK + COLD * max(0.0, 1 - number / FIRST)


def wsgi(environ, start_response):
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ["PATH_INFO"] not in {"/", "*"}:
        time.sleep(cost())
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(NAME)))])
    return [NAME.encode()]
