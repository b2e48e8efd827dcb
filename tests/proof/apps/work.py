"""Threads, tasks, generators, contexts and queues, printed as they come out."""

import asyncio
import concurrent.futures
import contextvars
import functools
import gc
import inspect
import queue
import sched
import sys
import threading
import time
import traceback
import weakref

import proof_witness

VARIABLE = contextvars.ContextVar("of_the_program", default="unset")


def told(name, value):
    print(name, value, flush=True)


class Named(threading.Thread):
    def run(self):
        told("run", [self.name, self.daemon, VARIABLE.get()])


def threads():
    VARIABLE.set("main")
    for thread in (
        Named(name="named"),
        threading.Thread(target=told, args=("target", 1), kwargs={}),
        threading.Timer(0.01, told, ("timer", 1)),
    ):
        told("thread", [type(thread).__name__, thread.is_alive(), len(contextvars.copy_context())])
        thread.start()
        thread.join()
        told("ended", [thread.is_alive(), sorted(vars(thread))])
    try:
        thread.start()
    except RuntimeError as error:
        told("twice", error)
    found = weakref.ref(Named())
    gc.collect()
    told("freed", found() is None)
    threading.excepthook = lambda args: told(
        "hook", [args.exc_type.__name__, [f.name for f in traceback.extract_tb(args.exc_traceback)]]
    )
    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()
    told("enumerated", [t.name for t in threading.enumerate()])
    told(
        "signatures",
        [str(inspect.signature(f)) for f in (threading.Thread, threading.Thread.start, threading.Thread.run)],
    )
    seen = []
    threading.setprofile(lambda frame, event, arg: seen.append(frame.f_code.co_name) if event == "call" else None)
    thread = threading.Thread(target=told, args=("profiled", 1))
    thread.start()
    thread.join()
    threading.setprofile(None)
    told("profile", "told" in seen)


def fails():
    raise ValueError("in a thread")


def executors():
    with concurrent.futures.ThreadPoolExecutor(
        2, thread_name_prefix="pool", initializer=VARIABLE.set, initargs=("worker",)
    ) as pool:
        told("map", list(pool.map(lambda n: (n * n, VARIABLE.get()), range(5))))
        future = pool.submit(fails)
        told(
            "error",
            [
                type(future.exception()).__name__,
                [f.name for f in traceback.extract_tb(future.exception().__traceback__)][-1],
            ],
        )
        told("partial", pool.submit(functools.partial(int, base=2), "101").result())
        told("cancelled", [f.cancel() for f in [pool.submit(time.sleep, 0.05) for _ in range(4)]][-1])
        told("names", sorted(t.name for t in threading.enumerate()))
    try:
        pool.submit(int)
    except RuntimeError as error:
        told("shut", error)
    told("signature", inspect.signature(concurrent.futures.ThreadPoolExecutor.submit))


async def tasks():
    loop = asyncio.get_running_loop()
    VARIABLE.set("task")
    told("executor", await loop.run_in_executor(None, VARIABLE.get))
    if sys.version_info >= (3, 9):
        told("to_thread", await asyncio.to_thread(VARIABLE.get))
    told("gather", await asyncio.gather(one(1), one(2), bad(), return_exceptions=True))
    got = asyncio.Event()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(got.set,))
    thread.start()
    await got.wait()
    task = asyncio.ensure_future(one(3))
    told("task", [task.get_coro().__name__, task.done()])
    task.cancel()
    told("cancelled", [type(e).__name__ for e in await asyncio.gather(task, return_exceptions=True)])
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.01)
    except asyncio.TimeoutError as error:
        told("timeout", repr(error))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(1)", stdout=asyncio.subprocess.PIPE)
    told("process", await process.communicate())
    for thread in threading.enumerate():
        if thread.name.startswith("asyncio-waitpid"):
            thread.join()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"line\n")
    told("echo", await reader.readline())
    writer.close()
    server.close()
    told("generator", [n async for n in counted()])
    proof_witness.look("in a task")


async def echo(reader, writer):
    writer.write(await reader.readline())
    writer.close()


async def one(number):
    await asyncio.sleep(0)
    return number, VARIABLE.get()


async def bad():
    raise KeyError("bad")


async def counted():
    for number in range(3):
        yield number


def rest():
    waiting = queue.Queue()
    plan = sched.scheduler()
    plan.enter(0.01, 1, waiting.put, ("planned",))
    plan.run()
    told("planned", waiting.get(timeout=5))
    told("context", [contextvars.copy_context().run(VARIABLE.get), len(contextvars.copy_context())])
    told("garbage", [gc.collect() >= 0, gc.garbage, gc.get_threshold()])


threads()
executors()
asyncio.run(tasks())
asyncio.run(tasks(), debug=True)
rest()
proof_witness.look("after all")
