"""A plain aiohttp app that says its version; a request for /leave ends the process on the spot."""

import os

from aiohttp import web

VERSION = os.environ["MESHRUN_TAGS"].partition("=")[2]


async def show(request):
    return web.json_response({"server": VERSION})


async def leave(request):
    os._exit(7)


app = web.Application()
app.router.add_get("/leave", leave)
app.router.add_get("/", show)
web.run_app(app, host="127.0.0.1", port=0, print=None)
