"""One app for three servers: ``/N`` answers after N seconds. It knows nothing of the mesh."""

import asyncio
import time


def wsgi(environ, start_response):
    time.sleep(float(environ["PATH_INFO"].strip("/") or 0))
    start_response("200 OK", [("Content-Length", "4")])
    return [b"done"]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    await asyncio.sleep(float(scope["path"].strip("/") or 0))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})


def main():
    from aiohttp import web

    async def show(request):
        await asyncio.sleep(float(request.match_info["seconds"] or 0))
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/{seconds:.*}", show)
    web.run_app(app, host="0.0.0.0", port=8000, print=None)


if __name__ == "__main__":
    main()
