"""What a program sees of threads, tasks and processes that nobody's colour follows into."""

from __future__ import annotations

import gc
import inspect
import multiprocessing
import pickle
import re
import sys
import threading
import traceback
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import Pool, ThreadPool

import follow


class Worker(threading.Thread):
    """A subclass."""


def stack(*_):
    """The functions that run now; addresses and lines differ between two runs."""
    return [frame.name for frame in traceback.extract_stack() if "runpy" not in frame.filename]


def text(error):
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return re.sub(r"0x[0-9a-f]+|line \d+", "", lines)


def failing(*_):
    raise LookupError("the app's own")


def threads():
    seen = {}
    thread = Worker(target=lambda: seen.update(stack=stack()), name="mine", daemon=True)
    before = sorted(vars(thread))
    thread.start()
    thread.join()
    seen.update(
        before=before, after=sorted(vars(thread)), name=thread.name, daemon=thread.daemon,
        shown=re.sub(r"\d{3,}", "", repr(thread)), kind=sorted(vars(Worker)), base=sorted(vars(threading.Thread)),
        signature=str(inspect.signature(threading.Thread.start)), doc=threading.Thread.start.__doc__,
        pickled=pickle.loads(pickle.dumps(threading.Thread.start)) is threading.Thread.start,
        names=[threading.Thread.start.__qualname__, threading.Thread.start.__module__],
        said=[],
    )  # fmt: skip
    threading.excepthook = lambda given: seen["said"].append(text(given.exc_value))
    broken = threading.Thread(target=failing)
    broken.start()
    broken.join()
    try:
        broken.start()
    except RuntimeError as error:
        seen["twice"] = repr(error)
    with follow.serving("gray"):
        broken = threading.Thread(target=failing)
        broken.start()
        broken.join()
        seen["left"] = sorted(vars(broken))
    return seen


def executors():
    seen = {}
    gc.disable()
    with ThreadPoolExecutor(1) as pool:
        seen["stack"] = pool.submit(stack).result()
        for place, lane in enumerate(("", "gray")):
            with follow.serving(lane):
                future = pool.submit(failing)
                seen["error %d" % place] = text(future.exception())
                seen["kept %d" % place] = freed(pool)
        cancelled = Future()
        seen["future"] = sorted(vars(cancelled))
        try:
            pool.submit()
        except TypeError as error:
            seen["no function"] = str(error)
        seen["not callable"] = repr(pool.submit(5).exception())
    try:
        pool.submit(stack)
    except RuntimeError as error:
        seen["shut"] = text(error)
    return seen


class Held:
    """Something that a task holds; counted, so that a cycle shows."""

    alive = 0

    def __init__(self):
        Held.alive += 1

    def __del__(self):
        Held.alive -= 1

    def __call__(self):
        raise LookupError(self)


def freed(pool):
    """Objects left alive by a task that failed and is forgotten, without a collection."""
    error = pool.submit(Held()).exception()
    pool.submit(int).result()  # the worker has let go of the first one
    del error
    return Held.alive


def processes():
    seen = {}
    gone = re.compile(r"0x[0-9a-f]+|\d{3,}")
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            seen[method + " task"] = text(pool.submit(failing).exception())
            seen[method + " lambda"] = gone.sub("", str(pool.submit(lambda: 1).exception()))
            seen[method + " sum"] = list(pool.map(abs, [-1, 2]))
        with context.Pool(1) as workers:
            try:
                workers.apply(failing)
            except LookupError as error:
                seen[method + " pool"] = text(error)
            seen[method + " keywords"] = workers.apply(sorted, ([2, 1],), {"reverse": True})
            seen[method + " map"] = [
                workers.map(abs, [-1]),
                list(workers.imap(abs, [-2])),
                workers.starmap(max, [(1, 2)]),
            ]
        process = context.Process(target=failing, name="mine")
        before = sorted(vars(process))
        process.start()
        process.join()
        seen[method] = [before, sorted(vars(process)), process.exitcode, gone.sub("", repr(process))]
    with ThreadPool(1) as workers:
        seen["threads"] = [workers.apply(abs, (-1,)), workers.apply_async(func=abs, args=(-3,)).get()]
        try:
            workers.apply(failing)
        except LookupError as error:
            seen["threads error"] = text(error)
    seen["signatures"] = [
        str(inspect.signature(one)) for one in (Pool.apply_async, Pool.map, ThreadPoolExecutor.submit)
    ]
    return seen


if __name__ == "__main__":
    follow.answer(globals()[sys.argv[1]]())
