"""A plain client with handlers of its own; writes what it reads back of them, and what they do."""

import os
import signal
import sys
import time

import requests

WHEN, URL = sys.argv[1:]
NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def shown(handler):
    return getattr(handler, "__qualname__", None) or repr(handler)


def leave(number, frame):
    print("handler of", number, frame.f_code.co_name, flush=True)
    sys.exit(40 + number)


def again(number, frame):
    print("first", number, flush=True)
    signal.signal(number, leave)
    os.kill(os.getpid(), number)


def take():
    for number in NUMBERS:
        print(shown(signal.signal(number, again)), flush=True)
        print(shown(signal.getsignal(number)), flush=True)
    print(shown(signal.signal(signal.SIGUSR2, signal.SIG_IGN)), shown(signal.signal(signal.SIGUSR2, signal.SIG_DFL)))
    print(signal.getsignal(signal.SIGTERM) is again, signal.signal(signal.SIGTERM, again) is again)


if WHEN == "before":
    take()
print(requests.get(URL, timeout=10).json()["server"], flush=True)
if WHEN == "after":
    take()
print("ready", flush=True)
while True:
    time.sleep(0.05)  # short: a signal just before a sleep is seen only after it
