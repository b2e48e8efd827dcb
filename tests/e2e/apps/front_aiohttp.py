"""A plain aiohttp app that calls stock; on the address or the path of a Unix socket that is named, if one is."""

import sys

import aiohttp
from aiohttp import web


async def plain(request):
    return web.Response(text="plain")


async def call(request):
    async with aiohttp.ClientSession() as session, session.get("http://stock/") as answer:
        return web.Response(text=str(answer.status))


app = web.Application()
app.router.add_get("/plain", plain)
app.router.add_get("/call", call)

if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
    if where.startswith("/"):
        web.run_app(app, path=where, print=None)
    else:
        web.run_app(app, host=where, port=0, print=None)
