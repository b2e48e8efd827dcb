"""The stock: a plain aiohttp app. It knows nothing of the mesh."""

import asyncio
import os

from aiohttp import web

VERSION = os.environ.get("APP_VERSION", "baseline")


async def show(request):
    await asyncio.sleep(0.005)
    return web.json_response({"path": ["stock " + VERSION]})


app = web.Application()
app.router.add_get("/stock/{number}", show)

if __name__ == "__main__":
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "0"))
    web.run_app(app, host=host, port=port, print=None)
