"""Ends in the way that it is told."""

import atexit
import os
import signal
import sys
import threading

atexit.register(print, "registered first", flush=True)
import asyncio  # noqa: E402
import logging  # noqa: E402

atexit.register(print, "registered last", flush=True)


def fail():
    raise ValueError("of the program")


class Loud:
    def __del__(self):
        raise RuntimeError("in __del__")


async def cancelled():
    task = asyncio.ensure_future(asyncio.sleep(10))
    await asyncio.sleep(0)
    task.cancel()
    await task


async def never_seen():
    asyncio.ensure_future(failing())
    await asyncio.sleep(0)


async def failing():
    raise KeyError("nobody looks")


def in_thread():
    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()


def own_hook():
    sys.excepthook = lambda kind, error, trace: print("own hook", kind, error, trace.tb_frame.f_code.co_name)
    fail()


def deep(n=0):
    return deep(n + 1)


def logged():
    logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s")
    try:
        fail()
    except ValueError:
        logging.exception("caught")


WAYS = {
    "nothing": lambda: None,
    "status": lambda: sys.exit(3),
    "text": lambda: sys.exit("said"),
    "none": lambda: sys.exit(None),
    "uncaught": fail,
    "own-hook": own_hook,
    "interrupt": lambda: signal.raise_signal(signal.SIGINT),
    "at-once": lambda: os._exit(5),
    "terminated": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "unraisable": Loud,
    "thread": in_thread,
    "deep": deep,
    "cancelled": lambda: asyncio.run(cancelled()),
    "never-seen": lambda: asyncio.run(never_seen()),
    "logged": logged,
    "warned": lambda: __import__("warnings").warn("of the program", stacklevel=2),
    "closed": lambda: [os.close(1), os.close(2)],
}

WAYS[sys.argv[1]]()
