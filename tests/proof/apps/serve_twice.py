"""Runs a server inside the program, ends it, and goes on: a signal of its own, then a second server with keep-alive."""

import asyncio
import contextvars
import json
import signal

import proof_witness
import uvicorn


async def app(scope, _receive, send):
    if scope["type"] == "lifespan":
        return
    names = [variable.name for variable in contextvars.copy_context()]
    body = json.dumps([name for name in names if name != "meshrun_request"]).encode()  # the colour, where there is one
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve(way):
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="critical", loop="asyncio"))
    task = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        print(way, b"close" in head, await reader.readexactly(length), flush=True)
    writer.close()
    if way == "handler":
        server.handle_exit(signal.SIGINT, None)  # uvicorn raises the signal again when it has closed its sockets
    else:
        server.should_exit = True
    await task


seen = []
signal.signal(signal.SIGINT, lambda number, _frame: seen.append(number))
for way in ("handler", "asked", "handler"):
    asyncio.run(serve(way))
    print("seen", seen, flush=True)
    proof_witness.look(way)
