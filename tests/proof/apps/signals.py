"""Sets, reads and gets signals in the ways that programs do."""

import asyncio
import os
import signal
import sys
import threading
import time

import proof_witness


def show(name, value):
    print(name, value, flush=True)


def plain():
    seen = []
    show("before", [str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)])
    show("returned", signal.signal(signal.SIGTERM, lambda number, frame: seen.append((number, frame.f_code.co_name))))
    os.kill(os.getpid(), signal.SIGTERM)
    show("seen", seen)
    show("again", signal.signal(signal.SIGTERM, signal.SIG_IGN).__name__)
    os.kill(os.getpid(), signal.SIGTERM)
    show("ignored", signal.getsignal(signal.SIGTERM))
    show("default", signal.signal(signal.SIGTERM, signal.SIG_DFL))
    for wrong in ((99, print), (signal.SIGTERM, "x"), (signal.SIGKILL, print)):
        try:
            signal.signal(*wrong)
        except (ValueError, TypeError, OSError) as error:
            show(type(error).__name__, error)
    try:
        signal.signal()
    except TypeError as error:
        show("TypeError", error)
    signal.signal(signal.SIGALRM, lambda *_: seen.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.5)
    show("alarm", seen[-1])
    show("mask", signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}))
    signal.raise_signal(signal.SIGUSR1)
    show("pending", signal.sigpending())
    show("waited", signal.sigwait({signal.SIGUSR1}))
    show("valid", len(signal.valid_signals()))
    show("wakeup", signal.set_wakeup_fd(-1))
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    proof_witness.look("handlers set")


def elsewhere():
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    except ValueError as error:
        show("thread", error)
    show("read", signal.getsignal(signal.SIGTERM))


async def loop():
    running = asyncio.get_running_loop()
    got = asyncio.Event()
    running.add_signal_handler(signal.SIGTERM, got.set)
    running.add_signal_handler(signal.SIGUSR1, print, "argument", "passed")
    show("handler", str(signal.getsignal(signal.SIGTERM)))
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(got.wait(), 5)
    show("removed", [running.remove_signal_handler(signal.SIGTERM), running.remove_signal_handler(signal.SIGTERM)])
    show("default", signal.getsignal(signal.SIGTERM))
    for wrong in ((signal.SIGKILL, print), (0, print), (signal.SIGTERM, loop)):
        try:
            running.add_signal_handler(*wrong)
        except (ValueError, TypeError, RuntimeError) as error:
            show(type(error).__name__, str(error)[:40])


def interrupted():
    try:
        signal.raise_signal(signal.SIGINT)
        time.sleep(5)
    except KeyboardInterrupt:
        show("interrupted", True)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)


def ends():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)


way = sys.argv[1]
if way in ("asyncio", "uvloop"):
    if way == "uvloop":
        import uvloop

        made = uvloop.new_event_loop()
    else:
        made = asyncio.new_event_loop()
    made.run_until_complete(loop())
    made.close()
else:
    {"plain": plain, "interrupted": interrupted, "ends": ends}[way]()
