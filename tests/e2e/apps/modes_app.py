"""A plain app behind every kind of server: who answers, whether seams are in, who answers a call of its own."""

import asyncio
import os
import sys
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).parent))
import seams

session = requests.Session()


def answer(path):
    if path == "/seams":
        return "%d %s" % (os.getpid(), seams.state())
    if path == "/call":
        return session.get(os.environ["TARGET"], timeout=10).json()["server"]
    return "plain"


def wsgi(environ, start_response):
    body = answer(environ["PATH_INFO"]).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    body = (await asyncio.get_running_loop().run_in_executor(None, answer, scope["path"])).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    from aiohttp import web

    async def handle(request):
        loop = asyncio.get_running_loop()
        return web.Response(text=await loop.run_in_executor(None, answer, request.path))

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    web.run_app(app, host="127.0.0.1", port=0, print=None)
