"""eventlet: green threads, pools of them and of native threads, with the program patched or not; as `green_gevent`."""

# ruff: noqa: I001 - what is imported before the patch and what after it is the point
from __future__ import annotations

import sys

if sys.argv[1] == "before":
    import eventlet

    eventlet.monkey_patch()
    import os

    import meshrun_hooks  # noqa: F401
    from meshrun.boot import start

    start.start(os.environ)

import threading
from concurrent.futures import ThreadPoolExecutor

import eventlet
import eventlet.event
import eventlet.tpool

import follow

if sys.argv[1] == "after":
    import urllib3  # noqa: F401

    eventlet.monkey_patch()

made = {}


def heard_from(spawn):
    heard = eventlet.event.Event()
    spawn(lambda: heard.send(follow.colour()))
    return heard.wait(timeout=follow.BOUND_SECONDS)


def thread():
    heard = []
    one = threading.Thread(target=lambda: heard.append(follow.colour()))
    one.start()
    one.join()
    return heard[0]


def in_hub():
    """A timer of the hub, which serves everybody."""
    return heard_from(lambda back: eventlet.hubs.get_hub().schedule_call_global(0, back))


def ask():
    if not made:
        made.update(pool=eventlet.GreenPool(2), executor=ThreadPoolExecutor(1))
    seen = {
        "spawn": eventlet.spawn(follow.colour).wait(),
        "spawn_after": eventlet.spawn_after(0.01, follow.colour).wait(),
        "spawn_n": heard_from(eventlet.spawn_n),
        "nested": eventlet.spawn(lambda: eventlet.spawn(follow.colour).wait()).wait(),
        "pool": made["pool"].spawn(follow.colour).wait(),
        "pool spawn_n": heard_from(made["pool"].spawn_n),
        "imap": next(iter(made["pool"].imap(follow.colour, range(1)))),
        "native": eventlet.tpool.execute(follow.colour),
        "executor": made["executor"].submit(follow.colour).result(),
        "thread": thread(),
        "own context": follow.colour(),
    }
    if sys.argv[1] != "never":
        seen["call"] = eventlet.spawn(follow.reached).wait()
        seen["both"] = [one.wait() for one in [eventlet.spawn(follow.reached) for _ in range(2)]]
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
    result["together"] = [one.wait() for one in [eventlet.spawn(served, lane) for lane in ("gray", "", "blue") * 3]]
    result["loops"] = loops()
    result.update(follow.counters())
    made["executor"].shutdown()
    return result


def served(lane):
    with follow.serving(lane):
        eventlet.sleep(0.01)
        inner = eventlet.spawn(follow.colour)
        eventlet.sleep(0.01)
        return [lane, follow.colour(), inner.wait()]


def loops():
    class Server:
        def serve_forever(self):
            return follow.colour()

    with follow.serving("gray"):
        return [eventlet.spawn(Server().serve_forever).wait(), eventlet.tpool.execute(Server().serve_forever)]


follow.answer(main())
