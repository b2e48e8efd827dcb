"""A plain client of every library: calls the URLs of its arguments and writes each error with its causes."""

import asyncio
import re
import sys

import aiohttp
import httpx
import requests
import urllib3


def told(error):
    lines = []
    while error is not None and len(lines) < 10:
        text = re.sub("0x[0-9a-f]+", "0x", str(error))
        lines.append(
            "%s.%s %s %r" % (type(error).__module__, type(error).__qualname__, text, getattr(error, "errno", "-"))
        )
        error = error.__cause__ or error.__context__
    return lines


async def by_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def by_httpx(url):
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).status_code


WAYS = {
    "urllib3": lambda url: urllib3.PoolManager(retries=False).request("GET", url).status,
    "requests": lambda url: requests.get(url, timeout=10).status_code,
    "httpx": lambda url: httpx.get(url).status_code,
    "httpx async": lambda url: asyncio.run(by_httpx(url)),
    "aiohttp": lambda url: asyncio.run(by_aiohttp(url)),
}

for url in sys.argv[1:]:
    for name, way in WAYS.items():
        try:
            print(url, name, way(url))
        except Exception as error:
            print(url, name, *told(error), sep="\n    ")
