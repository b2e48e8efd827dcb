"""Sends RATE requests a second, GET and POST in turn, until its standard input ends:  roller.py LIBRARY RATE

Each line of its input is a list of base URLs, which are asked in turn. Prints what failed and the slowest as JSON.
"""

import asyncio
import itertools
import json
import sys
import threading
import time

THREADS = 24


class Run:
    def __init__(self):
        self.bases, self.failures, self.durations, self.ended = [], [], [], False
        self.turn = itertools.count()
        self.started = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in sys.stdin:
            self.bases = line.split()
            self.started.set()
        self.ended = True

    def url(self, number):
        bases = self.bases
        return "%s/do/%d" % (bases[next(self.turn) % len(bases)], number)

    def note(self, began, error):
        self.durations.append(time.time() - began)
        if error:
            self.failures.append([began, time.time(), error[:300]])

    def numbers(self, rate):
        """Each number when its time has come; and how long to wait for the next."""
        begin = time.monotonic()
        for number in itertools.count(1):
            yield number, begin + number / rate - time.monotonic()


def threaded(run, rate, session):
    import queue

    due = queue.Queue()

    def work():
        call = session()
        while True:
            number = due.get()
            if number is None:
                return
            began, error = time.time(), ""
            try:
                call("POST" if number % 2 else "GET", run.url(number), b"some body" if number % 2 else None)
            except Exception as caught:  # noqa: BLE001 -- whatever an app would see
                error = repr(caught)
            run.note(began, error)

    workers = [threading.Thread(target=work) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    for number, wait in run.numbers(rate):
        if run.ended:
            break
        time.sleep(max(0.0, wait))
        due.put(number)
    for _ in workers:
        due.put(None)
    for worker in workers:
        worker.join()


def requests_session():
    import requests

    session = requests.Session()
    return lambda method, url, body: session.request(method, url, data=body, timeout=30).raise_for_status()


def httpx_session():
    import httpx

    client = httpx.Client(timeout=30)
    return lambda method, url, body: client.request(method, url, content=body).raise_for_status()


async def in_loop(run, rate):
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:

        async def one(number):
            began, error = time.time(), ""
            try:
                method, body = ("POST", b"some body") if number % 2 else ("GET", None)
                async with session.request(method, run.url(number), data=body) as answer:
                    answer.raise_for_status()
                    await answer.read()
            except Exception as caught:  # noqa: BLE001 -- whatever an app would see
                error = repr(caught)
            run.note(began, error)

        tasks = set()
        for number, wait in run.numbers(rate):
            if run.ended:
                break
            await asyncio.sleep(max(0.0, wait))
            task = asyncio.ensure_future(one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)


def main():
    library, rate = sys.argv[1], int(sys.argv[2])
    run = Run()
    run.started.wait()
    if library == "aiohttp":
        asyncio.run(in_loop(run, rate))
    else:
        threaded(run, rate, globals()[library + "_session"])
    print(json.dumps({"failures": run.failures, "sent": len(run.durations), "slowest": max(run.durations)}))


if __name__ == "__main__":
    main()
