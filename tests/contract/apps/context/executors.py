"""Executors: pools are made lazily, by a coloured request, and serve others after it."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import sys
import threading
import time
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.thread import _WorkItem
from multiprocessing.pool import ThreadPool

import follow

NOBODY = ("nobody", None)
LANES = (("gray", "gray"), ("none", ""), ("blue", "blue"), NOBODY)
started = []


def each(ask, lanes=LANES):
    """What `ask` answers inside a request of each lane, and outside of any."""
    seen = {}
    for name, lane in lanes:
        if lane is None:
            seen[name] = ask()
        else:
            with follow.serving(lane):
                seen[name] = ask()
    return seen


def initialised():
    started.append(follow.colour())


def first(*_):
    """What a worker began with, and what it sees now."""
    return [started, follow.colour()]


class Own(ThreadPoolExecutor):
    """An executor with an own `submit`, as apps and agents have."""

    def submit(self, fn, *args, **kwargs):
        return super().submit(lambda: fn(*args, **kwargs))


def called_back(pool):
    heard, done = [], threading.Event()

    def back(_future):
        heard.append(follow.colour())
        done.set()

    gate = threading.Event()
    future = pool.submit(gate.wait, follow.BOUND_SECONDS)
    future.add_done_callback(back)
    gate.set()
    done.wait(follow.BOUND_SECONDS)
    return heard


def threads():
    made = {}

    def ask():
        if not made:
            made.update(pool=ThreadPoolExecutor(1, initializer=initialised), own=Own(1), old=ThreadPool(1))
        pool, old = made["pool"], made["old"]
        with ThreadPoolExecutor(1) as other:
            through = other.submit(lambda: pool.submit(follow.colour).result()).result()
        return {
            "submit": pool.submit(follow.colour).result(),
            "map": list(pool.map(follow.colour, range(2))),
            "callback": called_back(pool),
            "call": pool.submit(follow.reached).result(),
            "own": made["own"].submit(follow.colour).result(),
            "nested": through,
            "old": old.apply(follow.colour),
            "old map": old.map(follow.colour, range(2)),
        }

    seen = each(ask)
    seen["started"] = started
    return seen


def loops():
    """`run_in_executor`, tasks and callbacks, on a loop that is started lazily and lives on."""
    if len(sys.argv) > 2:
        import uvloop

        uvloop.install()
    made = {}

    async def inside(pool):
        loop = asyncio.get_running_loop()
        heard = loop.create_future()
        from_thread = loop.create_future()

        def bare():
            loop.call_soon_threadsafe(lambda: heard.set_result(follow.colour()))
            from_thread_task = asyncio.run_coroutine_threadsafe(nothing(), loop)
            value = from_thread_task.result(follow.BOUND_SECONDS)
            loop.call_soon_threadsafe(from_thread.set_result, value)

        threading.Thread(target=bare).start()
        return {
            "executor": await loop.run_in_executor(pool, follow.colour),
            "default": await loop.run_in_executor(None, follow.colour),
            "call": await loop.run_in_executor(None, follow.reached),
            "task": await asyncio.ensure_future(nothing()),
            "gathered": await asyncio.gather(nothing(), nothing()),
            "call_soon_threadsafe": await heard,
            "run_coroutine_threadsafe": await from_thread,
            "to_thread": await asyncio.to_thread(follow.colour) if sys.version_info >= (3, 9) else "-",
            "generator": [piece async for piece in pieces()],
        }

    async def nothing():
        await asyncio.sleep(0)
        return follow.colour()

    async def pieces():
        for _ in range(2):
            await asyncio.sleep(0)
            yield follow.colour()

    def ask():
        if not made:
            made.update(pool=ThreadPoolExecutor(1), loop=asyncio.new_event_loop())
        return made["loop"].run_until_complete(inside(made["pool"]))

    return each(ask)


def workers(*_):
    return os.getpid()


def processes():
    """`sys.argv[2]` is the start method."""
    context = multiprocessing.get_context(sys.argv[2])
    made = {}

    def ask():
        if not made:
            made["pool"] = ProcessPoolExecutor(1, mp_context=context, initializer=initialised)
            made["old"] = context.Pool(1, initialised)
        pool, old = made["pool"], made["old"]
        heard, done = [], threading.Event()

        def back(_value):
            heard.append(follow.colour())
            done.set()

        old.apply_async(follow.colour, callback=back).get()
        done.wait(follow.BOUND_SECONDS)
        return {
            "submit": pool.submit(follow.colour).result(),
            "map": list(pool.map(follow.colour, range(2))),
            "call": pool.submit(follow.reached).result(),
            "apply": old.apply(follow.colour),
            "keywords": old.apply(dict, (), {"one": 1}),
            "maps": [
                old.map(follow.colour, [1]),
                list(old.imap(follow.colour, [1])),
                old.starmap(follow.colour, [(1,)]),
            ],
            "callback": heard,
            "began": [pool.submit(first).result()[0], old.apply(first)[0]],
        }

    seen = each(ask)
    seen["same worker"] = made["pool"].submit(workers).result() == made["pool"].submit(workers).result()
    made["pool"].shutdown()
    made["old"].terminate()
    return seen


def put(queue, read):
    queue.put(read())


def children():
    context = multiprocessing.get_context(sys.argv[2])

    def ask():
        queue = context.Queue()
        seen = []
        for read in (follow.colour, follow.reached):
            child = context.Process(target=put, args=(queue, read))
            child.start()
            seen.append(queue.get(timeout=follow.BOUND_SECONDS))
            child.join()
            seen.append("_meshrun" in vars(child))
        return seen

    made = {}

    def managed():
        """The server of a manager is started lazily, and what it runs it runs for everybody."""
        if not made:
            made["manager"] = context.Manager()
            made["dict"] = made["manager"].dict()
        made["dict"]["x"] = 1
        return dict(made["dict"])

    return {"children": each(ask), "managed": each(managed)}


def stranger():
    """Workers that know nothing of meshrun run what a coloured request hands them."""
    context = multiprocessing.get_context("spawn")
    kept = os.environ.pop("PYTHONPATH"), os.environ.pop("MESHRUN_ENABLED")
    with follow.serving("gray"), ProcessPoolExecutor(1, mp_context=context) as pool, context.Pool(1) as old:
        seen = [
            pool.submit(ours).result(),
            list(pool.map(abs, [-1])),
            old.apply(sorted, ([2, 1],), {"reverse": True}),
            old.map(abs, [-1]),
        ]
        queue = context.Queue()
        child = context.Process(target=put, args=(queue, ours))
        child.start()
        seen.append(queue.get(timeout=follow.BOUND_SECONDS))
        child.join()
    os.environ["PYTHONPATH"], os.environ["MESHRUN_ENABLED"] = kept
    return seen


def ours():
    return sorted(name for name in sys.modules if name.partition(".")[0] in ("meshrun", "meshrun_hooks"))


def items():
    """The item of a task is what it is bare, unless a colour follows; a colour adds no cycle."""
    gc.disable()
    pool = ThreadPoolExecutor(1)
    seen = {"kind": type(_WorkItem(None, int, (), {})) is _WorkItem}
    with follow.serving("gray"):
        item = _WorkItem(None, int, (), {})
        seen["coloured"] = [isinstance(item, _WorkItem), type(item).__name__, item.fn is int]
        known = weakref.ref(item)
        del item
        seen["gone"] = known() is None
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        known = weakref.ref(thread)
        del thread
        end = time.monotonic() + follow.BOUND_SECONDS
        while known() is not None and time.monotonic() < end:
            time.sleep(0.01)  # `join` comes back a little before the thread has let go of its object
        seen["thread gone"] = known() is None
    pool.shutdown()
    return seen


if __name__ == "__main__":
    follow.answer(globals()[sys.argv[1]]())
