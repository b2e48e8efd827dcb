"""A plain client: for each line on standard input, so many calls; prints the CPU microseconds of one.

caller.py LIBRARY URL
"""

import asyncio
import json
import sys
import time

# Calls before the first that counts.
WARM = 50


def requests_caller(url):
    import requests

    session = requests.Session()

    def many(count):
        for _ in range(count):
            session.get(url, timeout=10).raise_for_status()

    return many


def httpx_caller(url):
    import httpx

    client = httpx.Client(timeout=10)

    def many(count):
        for _ in range(count):
            client.get(url).raise_for_status()

    return many


def httpx_async_caller(url):
    import httpx

    loop = asyncio.new_event_loop()
    client = httpx.AsyncClient(timeout=10)

    async def work(count):
        for _ in range(count):
            (await client.get(url)).raise_for_status()

    return lambda count: loop.run_until_complete(work(count))


def aiohttp_caller(url):
    import aiohttp

    loop = asyncio.new_event_loop()

    async def make():
        return aiohttp.ClientSession()

    session = loop.run_until_complete(make())

    async def work(count):
        for _ in range(count):
            async with session.get(url) as answer:
                answer.raise_for_status()
                await answer.read()

    return lambda count: loop.run_until_complete(work(count))


def main():
    many = globals()[sys.argv[1] + "_caller"](sys.argv[2])
    many(WARM)
    print("ready", flush=True)
    for line in sys.stdin:
        count = int(line)
        began = time.process_time()
        many(count)
        print(json.dumps((time.process_time() - began) / count * 1e6), flush=True)


if __name__ == "__main__":
    main()
