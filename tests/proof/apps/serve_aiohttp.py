"""An application of aiohttp.web."""

import proof_witness
from aiohttp import web


async def index(request):
    proof_witness.look("serving")
    return web.json_response({"method": request.method, "body": await request.text(), "seen": sorted(request.headers)})


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(3):
        await response.write(b"part %d\n" % number)
    return response


async def fails(_request):
    raise RuntimeError("of the application")


async def leaves(_request):
    return web.Response(text="x", status=418, headers={"X-Own": "1", "Connection": "close"})


app = web.Application()
app.router.add_route("*", "/", index)
app.add_routes([web.get("/stream", stream), web.get("/fails", fails), web.get("/leaves", leaves)])

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=0)
