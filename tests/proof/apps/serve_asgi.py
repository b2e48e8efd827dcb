"""An ASGI application with the usual sorts of answers and failures, and a life-span."""

import contextlib

import proof_witness
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route


async def index(request):
    proof_witness.look("serving")
    body = (await request.body()).decode()
    return JSONResponse(
        {"method": request.method, "body": body, "seen": sorted(request.headers), "scope": sorted(request.scope)}
    )


async def stream(_request):
    async def parts():
        for number in range(3):
            yield b"part %d\n" % number

    return StreamingResponse(parts(), media_type="text/plain")


async def fails(_request):
    raise RuntimeError("of the application")


async def leaves(_request):
    return PlainTextResponse("x", 418, {"X-Own": "1", "Connection": "close"})


@contextlib.asynccontextmanager
async def lifespan(_app):
    print("begins", flush=True)
    yield
    print("ends", flush=True)


routes = [
    Route("/", index, methods=["GET", "POST"]),
    Route("/stream", stream),
    Route("/fails", fails),
    Route("/leaves", leaves),
]
app = Starlette(routes=routes, lifespan=lifespan)
