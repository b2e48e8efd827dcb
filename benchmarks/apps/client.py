"""Sends RATE requests a second, GET and POST in turn, until its standard input ends:  client.py 0 RATE

Prints what failed and the slowest answer as JSON.
"""

import itertools
import json
import queue
import sys
import threading
import time

import requests

THREADS = 24


def main():
    rate = int(sys.argv[2])
    due, failures, durations, lock = queue.Queue(), [], [], threading.Lock()

    def work():
        session = requests.Session()
        while True:
            number = due.get()
            if number is None:
                return
            began = time.time()
            try:
                method = "POST" if number % 2 else "GET"
                session.request(method, "http://web/do/%d" % number, timeout=30).raise_for_status()
            except (requests.RequestException, ValueError) as error:
                with lock:
                    failures.append([began, time.time(), str(error)[:300]])
            with lock:
                durations.append(time.time() - began)

    workers = [threading.Thread(target=work) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    print("started", flush=True)
    begin = time.monotonic()
    for number in itertools.count():
        due.put(number)
        if stop.wait(max(0.0, begin + number / rate - time.monotonic())):
            break
    for _ in workers:
        due.put(None)
    for worker in workers:
        worker.join()
    print(json.dumps({"failures": failures, "sent": len(durations), "slowest": max(durations)}))


if __name__ == "__main__":
    main()
