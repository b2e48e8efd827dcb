"""A client with several threads: each asks one URL after another until it reads a line, or ``once``.

``python -m tests.e2e.apps.crowd THREADS URL [once]``; ``{}`` in the URL is the number of the thread. Prints each
response's status, or the name of the error, with how often.
"""

import collections
import sys
import threading

import httpx

THREADS, URL, ONCE = int(sys.argv[1]), sys.argv[2], sys.argv[3:] == ["once"]
seen = collections.Counter()
over = threading.Event()


def work(client, url):
    while True:
        try:
            seen[client.get(url).status_code] += 1
        except httpx.HTTPError as error:
            seen[type(error).__name__] += 1
        if ONCE or over.is_set():
            return


with httpx.Client(timeout=60) as client:
    threads = [threading.Thread(target=work, args=(client, URL.format(n))) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    if not ONCE:
        sys.stdin.readline()
        over.set()
    for thread in threads:
        thread.join()
print(" ".join("%s=%d" % item for item in sorted(seen.items(), key=str)), flush=True)
if ONCE:
    sys.stdin.readline()
