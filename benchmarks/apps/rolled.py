"""Plain apps of one kind each, all the same: a request is written down, and every 33rd takes half a second.

WSGI: rolled:wsgi. ASGI: rolled:asgi. As programs: rolled.py aiohttp|tornado|werkzeug|django|pywsgi|wsgiref PORT
"""

import asyncio
import sys
import time

from journal import executed


def due(path):
    """Write the request down; the seconds that it takes."""
    number = path.rpartition("/")[2]
    if not number.isdigit():  # somebody asks whether it is up
        return 0.0
    executed("app", number)
    return 0.0 if int(number) % 33 else 0.5


def wsgi(environ, start_response):
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    time.sleep(due(environ["PATH_INFO"]))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(due(scope["path"]))
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def run_aiohttp(port):
    from aiohttp import web

    async def answer(request):
        await request.read()
        await asyncio.sleep(due(request.path))
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


def run_tornado(port):
    import tornado.web

    class Answer(tornado.web.RequestHandler):
        async def get(self):
            await asyncio.sleep(due(self.request.path))
            self.write("ok")

        post = get

    async def main():
        tornado.web.Application([("/.*", Answer)]).listen(port, "127.0.0.1")
        await asyncio.Event().wait()

    asyncio.run(main())


def run_werkzeug(port):
    from werkzeug.serving import run_simple

    run_simple("127.0.0.1", port, wsgi, threaded=True)


def run_wsgiref(port):
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Threaded(ThreadingMixIn, WSGIServer):
        daemon_threads, request_queue_size = True, 64

    class Silent(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    make_server("127.0.0.1", port, wsgi, Threaded, Silent).serve_forever()


def run_pywsgi(port):
    from gevent import monkey

    monkey.patch_all()
    from gevent.pywsgi import WSGIServer

    WSGIServer(("127.0.0.1", port), wsgi, log=None).serve_forever()


def run_django(port):
    import types

    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.http import HttpResponse
    from django.urls import re_path

    def answer(request):
        request.body  # noqa: B018 -- reads it
        time.sleep(due(request.path))
        return HttpResponse("ok")

    urls = sys.modules["rolled_urls"] = types.ModuleType("rolled_urls")
    urls.urlpatterns = [re_path(".*", answer)]
    settings.configure(ROOT_URLCONF="rolled_urls", ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)
    execute_from_command_line(["rolled.py", "runserver", "--noreload", "127.0.0.1:%d" % port])


if __name__ == "__main__":
    globals()["run_" + sys.argv[1]](int(sys.argv[2]))
