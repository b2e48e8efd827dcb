"""A plain client that forks in every way that it knows; calls the URL of its argument from everywhere."""

import multiprocessing
import os
import sys
import threading

import requests

URL = sys.argv[1]


def ask(*_):
    return requests.get(URL, timeout=10).json()["server"]


def child(name, work):
    sys.stdout.flush()
    number = os.fork()
    if not number:
        status = 1
        try:
            print(name, work(), flush=True)
            status = 5
        finally:
            os._exit(status)
    print(name, "ended", os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)


def twice():
    child("grandchild", ask)
    return ask()


child("before the first call", ask)
print("parent", ask())
child("after it", ask)
print("parent", ask())
child("child of a child", twice)

stop = threading.Event()


def load():
    while not stop.is_set():
        ask()


threads = [threading.Thread(target=load) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(8):
    child("under load", ask)
stop.set()
for thread in threads:
    thread.join()

with multiprocessing.get_context("fork").Pool(2) as pool:
    print("pool", pool.map(ask, range(6)))
print("parent", ask())
