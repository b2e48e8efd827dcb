"""A plain client with one Session or Client for everything: paced calls over some URLs in turn.

    paced.py LIBRARY CALLS_PER_SECOND CALLS URL [URL ...]

Prints its CPU seconds as JSON.
"""

import json
import sys
import time


def main():
    library, rate, calls, urls = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    if library == "requests":
        import requests

        get = requests.Session().get
    else:
        import httpx

        get = httpx.Client(timeout=10).get
    for url in urls:
        get(url)
    cpu, begin = time.process_time(), time.monotonic()
    for number in range(calls):
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))
        get(urls[number % len(urls)]).raise_for_status()
    print(json.dumps({"cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
