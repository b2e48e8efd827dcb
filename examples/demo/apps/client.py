"""A plain client that calls the shop: some threads, each with its own session. It knows nothing of the mesh.

    client.py COUNT THREADS [header:value ...]   sends COUNT requests
    client.py 0 THREADS [header:value ...]       sends until its standard input ends

Prints one JSON object: who served whom how often, and each failure with its time.
"""

import collections
import json
import sys
import threading
import time

import requests


def main():
    count, threads = int(sys.argv[1]), int(sys.argv[2])
    headers = dict(word.split(":", 1) for word in sys.argv[3:])
    paths, failures, lock, stop = collections.Counter(), [], threading.Lock(), threading.Event()
    shares = [count // threads + (n < count % threads) for n in range(threads)]

    def work(share):
        session = requests.Session()
        done = 0
        while (done < share or not count) and not stop.is_set():
            began = time.time()
            try:
                if done % 4:
                    answer = session.get("http://web/", headers=headers, timeout=20)
                else:
                    answer = session.post("http://web/buy", headers=headers, timeout=20)
                answer.raise_for_status()
                path = " > ".join(answer.json()["path"])
                with lock:
                    paths[path] += 1
            except (requests.RequestException, ValueError) as error:
                with lock:
                    failures.append([began, time.time(), str(error)[:300]])
            done += 1
            if not count:
                time.sleep(0.02)

    workers = [threading.Thread(target=work, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    if not count:
        print("started", flush=True)
        sys.stdin.read()
        stop.set()
    for worker in workers:
        worker.join()
    print(json.dumps({"paths": paths, "failures": failures}))


if __name__ == "__main__":
    main()
