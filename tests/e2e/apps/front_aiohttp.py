"""A plain aiohttp app that calls stock."""

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
    web.run_app(app, host="127.0.0.1", port=0, print=None)
