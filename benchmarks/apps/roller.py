"""Sends requests, GET and POST in turn, until its standard input ends:  roller.py LIBRARY RATE [IDLE [REPEAT]]

LIBRARY: requests, httpx, aiohttp, or browser (a page in Chromium: steady requests only).

RATE a second; and, from connections of their own, BURST at once every IDLE seconds, so that each connection lies idle
for about that long. Each line of its input is a list of base URLs, which are asked in turn. With REPEAT every so many
requests one is sent a second time, to see that somebody notices. Prints a line after its first call, and at the end
every call as JSON: number, when it began, seconds, error, answer.
"""

import asyncio
import itertools
import json
import queue
import random
import sys
import threading
import time

THREADS, BURST, IDLE_FROM = 24, 6, 1000000


class Run:
    def __init__(self):
        self.bases, self.calls = [], []
        self.turn = itertools.count()
        self.started, self.ended = threading.Event(), threading.Event()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in sys.stdin:
            self.bases = line.split()
            self.started.set()
        self.ended.set()

    def url(self, number):
        bases = self.bases
        return "%s/do/%d" % (bases[next(self.turn) % len(bases)], number)

    def note(self, number, began, error, said):
        if not self.calls:
            print("begun", flush=True)
        self.calls.append([number, began, time.time() - began, error[:300], said])


def steady(rate):
    """Each number, and how long to wait for it."""
    begin = time.monotonic()
    for number in itertools.count(1):
        yield number, begin + number / rate - time.monotonic()


def bursts(idle):
    """A burst, and a silence after which the server's own idle timeout may or may not have closed the connections."""
    for number in itertools.count(IDLE_FROM):
        yield number, 0.0 if number % BURST else idle + random.uniform(-0.05, 0.05)


def threaded(run, numbers, sessions, repeat=0):
    due = queue.Queue()

    def work(call):
        while True:
            number = due.get()
            if number is None:
                return
            began, error, said = time.time(), "", ""
            method, body = ("POST", b"some body") if number % 2 else ("GET", None)
            try:
                said = call(method, run.url(number), body)
                if repeat and not number % repeat:
                    call(method, run.url(number), body)
            except Exception as caught:  # noqa: BLE001 -- whatever an app would see
                error = repr(caught)
            run.note(number, began, error, said)

    workers = [threading.Thread(target=work, args=(session,)) for session in sessions]
    for worker in workers:
        worker.start()
    for number, wait in numbers:
        if run.ended.wait(max(0.0, wait)):
            break
        due.put(number)
    for _ in workers:
        due.put(None)
    for worker in workers:
        worker.join()


def requests_session():
    import requests

    session = requests.Session()

    def call(method, url, body):
        answer = session.request(method, url, data=body, timeout=30)
        answer.raise_for_status()
        return answer.text

    return call


def httpx_session():
    import httpx

    client = httpx.Client(timeout=30)
    return lambda method, url, body: client.request(method, url, content=body).raise_for_status().text


async def in_loop(run, numbers):
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:

        async def one(number):
            began, error, said = time.time(), "", ""
            try:
                method, body = ("POST", b"some body") if number % 2 else ("GET", None)
                async with session.request(method, run.url(number), data=body) as answer:
                    answer.raise_for_status()
                    said = await answer.text()
            except Exception as caught:  # noqa: BLE001 -- whatever an app would see
                error = repr(caught)
            run.note(number, began, error, said)

        tasks = set()
        ended = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(None, run.ended.wait))
        for number, wait in numbers:
            await asyncio.wait([ended], timeout=max(0.0, wait))
            if run.ended.is_set():
                break
            task = asyncio.ensure_future(one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)


async def both_in_loop(run, rate, idle):
    await asyncio.gather(in_loop(run, steady(rate)), *([in_loop(run, bursts(idle))] if idle else []))


def main():
    library, rate = sys.argv[1], int(sys.argv[2])
    idle, repeat = (*map(float, sys.argv[3:]), 0.0, 0.0)[:2]
    run = Run()
    run.started.wait()
    if library == "browser":
        import browsing

        run.calls = browsing.browse(run, rate)
    elif library == "aiohttp":
        asyncio.run(both_in_loop(run, rate, idle))
    else:
        session = globals()[library + "_session"]
        sessions = [session() for _ in range(THREADS)]  # before the first call: some take long to make
        beside = threading.Thread(target=threaded, args=(run, bursts(idle), [session()] * BURST))
        if idle:
            beside.start()
        threaded(run, steady(rate), sessions, repeat)
        if idle:
            beside.join()
    print("\n" + json.dumps(run.calls))


if __name__ == "__main__":
    main()
