"""Plain apps, WSGI, ASGI and aiohttp, whose request for /fork forks a child that calls stock, and calls it itself."""

import os

import urllib3


def fork():
    pool = urllib3.PoolManager()
    child = os.fork()
    if not child:
        status = 1
        try:
            status = int(pool.request("GET", "http://stock/child", timeout=10).status != 200)
        finally:
            os._exit(status)
    pool.request("GET", "http://stock/parent", timeout=10)
    return b"child %d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def application(environ, start_response):
    body = fork()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] == "http":
        body = fork()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    from aiohttp import web

    async def answer(request):
        return web.Response(body=fork())

    app = web.Application()
    app.router.add_get("/fork", answer)
    web.run_app(app, host="127.0.0.1", port=0, print=None)
