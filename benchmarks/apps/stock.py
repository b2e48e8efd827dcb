"""stock of the rolling restart: aiohttp; three in a hundred requests take half a second."""

import asyncio
import os

from aiohttp import web
from journal import executed


async def do(request):
    number = request.match_info["number"]
    executed("stock", number)
    await asyncio.sleep(0.5 if int(number) % 33 == 0 else 0.002)
    return web.json_response({"number": number})


app = web.Application()
app.router.add_post("/do/{number}", do)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "0")), print=None)
