"""gevent: greenlets of every kind, pools of them and of native threads, with the program patched or not.

`sys.argv[1]`: ``before`` (patched before anything of ours is there), ``after`` (the libraries are imported and hooked
first), ``never``.
"""

# ruff: noqa: I001 - what is imported before the patch and what after it is the point
from __future__ import annotations

import sys

if sys.argv[1] == "before":
    from gevent import monkey

    monkey.patch_all()
    from meshrun.boot import start

    import meshrun_hooks  # noqa: F401
    import os

    start.start(os.environ)

import threading
from concurrent.futures import ThreadPoolExecutor

import gevent
import gevent.hub
import gevent.pool
import gevent.threadpool

import follow

if sys.argv[1] == "after":
    import urllib3  # noqa: F401
    from gevent import monkey

    monkey.patch_all()

made = {}


class Own(gevent.Greenlet):
    def _run(self):
        return follow.colour()


def raw():
    heard = gevent.event.AsyncResult()
    gevent.spawn_raw(lambda: heard.set(follow.colour()))
    return heard.get(timeout=follow.BOUND_SECONDS)


def in_hub():
    """A callback of the hub, which serves everybody."""
    heard = gevent.event.AsyncResult()
    gevent.get_hub().loop.run_callback(lambda: heard.set(follow.colour()))
    return heard.get(timeout=follow.BOUND_SECONDS)


def waiting(queue):
    """A greenlet that is started by the first request and works for all: nobody can know that it does."""
    while True:
        queue.get().set(follow.colour())


def thread():
    heard = []
    one = threading.Thread(target=lambda: heard.append(follow.colour()))
    one.start()
    one.join()
    return heard[0]


def ask():
    if not made:
        made.update(pool=gevent.pool.Pool(2), native=gevent.threadpool.ThreadPool(1), executor=ThreadPoolExecutor(1))
        made["gevent executor"] = gevent.threadpool.ThreadPoolExecutor(1)
    own = Own()
    own.start()
    seen = {
        "spawn": gevent.spawn(follow.colour).get(),
        "spawn_later": gevent.spawn_later(0.01, follow.colour).get(),
        "own": own.get(),
        "raw": raw(),
        "nested": gevent.spawn(lambda: gevent.spawn(follow.colour).get()).get(),
        "pool": made["pool"].spawn(follow.colour).get(),
        "native": made["native"].apply(follow.colour),
        "executor": made["executor"].submit(follow.colour).result(),
        "gevent executor": made["gevent executor"].submit(follow.colour).result(),
        "thread": thread(),
        "own context": follow.colour(),
    }
    if sys.argv[1] != "never":
        # What an unpatched program waits for with its whole thread would wait for itself.
        seen["call"] = gevent.spawn(follow.reached).get()
        seen["both"] = [one.value for one in gevent.joinall([gevent.spawn(follow.reached) for _ in range(2)])]
    seen["hub"] = in_hub()
    return seen


def main():
    result = {}
    for who, lane in (("gray", "gray"), ("none", ""), ("blue", "blue"), ("nobody", None)):
        if lane is None:
            result[who] = ask()
        else:
            with follow.serving(lane):
                result[who] = ask()
    result["together"] = [one.get() for one in [gevent.spawn(served, lane) for lane in ("gray", "", "blue") * 3]]
    result["loops"] = loops()
    result.update(follow.counters())
    made["executor"].shutdown()
    return result


def served(lane):
    """Requests that are served at the same time, each in a greenlet."""
    with follow.serving(lane):
        gevent.sleep(0.01)
        inner = gevent.spawn(follow.colour)
        gevent.sleep(0.01)
        return [lane, follow.colour(), inner.get()]


def loops():
    class Server:
        def serve_forever(self):
            return follow.colour()

    with follow.serving("gray"):
        return [gevent.spawn(Server().serve_forever).get(), made["native"].apply(Server().serve_forever)]


import gevent.event  # noqa: E402

follow.answer(main())
