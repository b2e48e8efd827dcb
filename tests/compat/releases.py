"""Small programs that use one library each, for its oldest releases and for those that no hook supports.

Run as ``python releases.py LIBRARY``: prints what a user of that library sees, addresses and dates left out. With
``SEEN`` in the environment the states of meshrun's hooks are written there. Imports nothing of ours.
"""

from __future__ import annotations

import asyncio
import http.server
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any, Callable, Dict, List

SERVED = """
import json, os, sys
def states(name):
    ours = sys.modules.get("meshrun._applied")
    if ours is not None:
        with open(os.environ["SEEN"] + "." + name, "w") as seen:
            json.dump(ours.states, seen)
def wsgi(environ, start_response):
    states("worker")
    start_response("200 OK", [("Content-Length", "6")])
    return [b"served"]
async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    states("worker")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"served"})
"""

WERKZEUG = """
import served
from werkzeug.serving import run_simple
run_simple("127.0.0.1", 0, served.wsgi)
"""
DJANGO = """
import served, socket
from django.conf import settings
from django.core.management import execute_from_command_line
served.urlpatterns = []
settings.configure(ALLOWED_HOSTS=["*"], WSGI_APPLICATION="served.wsgi", ROOT_URLCONF="served", SECRET_KEY="-")
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    where = "127.0.0.1:%d" % free.getsockname()[1]
execute_from_command_line(["manage", "runserver", "--noreload", where])
"""


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the headers that it got."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """All of them, in their order."""
        body = json.dumps([pair for pair in self.headers.items() if pair[0].lower() != "host"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class names it so
        """Silent."""


def url() -> str:
    """The address of a server in this process."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://127.0.0.1:%d/" % server.server_port


def use_urllib3() -> List[Any]:
    """By itself and below requests."""
    import requests
    import urllib3

    target = url()
    pool = urllib3.PoolManager()
    found = [pool.request("GET", target).data.decode() for _ in range(2)]
    with requests.Session() as session:
        found += [session.get(target, headers={"X-One": "1"}).text for _ in range(2)]
    return found


def use_httpcore() -> List[Any]:
    """Below httpx, in both worlds."""
    import httpx

    target = url()

    async def get() -> str:
        async with httpx.AsyncClient() as client:
            return str((await client.get(target)).text)

    with httpx.Client() as client:
        return [client.get(target).text, client.get(target).text, asyncio.run(get())]


def use_aiohttp() -> List[Any]:
    """Its client and its server, in one loop."""
    from aiohttp import ClientSession, web

    async def served(request: Any) -> Any:
        return web.Response(text=json.dumps(list(request.headers)))

    async def run() -> List[str]:
        app = web.Application()
        app.router.add_get("/", served)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with ClientSession() as session:
            found = []
            for _ in range(2):
                async with session.get("http://127.0.0.1:%d/" % runner.addresses[0][1]) as response:
                    found.append(await response.text())
        await runner.cleanup()
        return found

    return asyncio.run(run())


def use_gevent() -> List[Any]:
    """Greenlets and a patched thread."""
    importlib.import_module("gevent.monkey").patch_all()
    gevent, pools = importlib.import_module("gevent"), importlib.import_module("gevent.threadpool")
    seen: List[Any] = []
    thread = threading.Thread(target=seen.append, args=("thread",))
    thread.start()
    thread.join()
    return [gevent.spawn(lambda: "greenlet").get(), pools.ThreadPool(1).spawn(lambda: "pool").get(), *seen]


def use_eventlet() -> List[Any]:
    """Green threads and its pool of real ones."""
    eventlet, tpool = importlib.import_module("eventlet"), importlib.import_module("eventlet.tpool")
    return [eventlet.spawn(lambda: "green").wait(), tpool.execute(lambda: "pool")]


def use_apscheduler() -> List[Any]:
    """One job in the background."""
    done = threading.Event()
    scheduler = importlib.import_module("apscheduler.schedulers.background").BackgroundScheduler(timezone="UTC")
    scheduler.add_job(done.set)
    scheduler.start()
    came = done.wait(30)
    while scheduler.get_jobs():  # it takes the job out after it was run
        time.sleep(0.01)
    scheduler.shutdown()
    return [came]


def use_gunicorn() -> List[Any]:
    """A master with a threaded and one with a plain worker."""
    command = ["gunicorn.app.wsgiapp", "-b", "127.0.0.1:0", "served:wsgi"]
    return [*serve(command), *serve([*command, "--threads", "2"])]


def use_uvicorn() -> List[Any]:
    """A server in one process, with each of its HTTP parsers."""
    return [part for parser in ("h11", "httptools") for part in serve(["uvicorn", "--http", parser, "served:asgi"])]


def use_hypercorn() -> List[Any]:
    """A server with one worker."""
    return serve(["hypercorn", "-b", "127.0.0.1:0", "served:asgi"])


def use_waitress() -> List[Any]:
    """Its command."""
    return serve(["waitress", "--listen", "127.0.0.1:0", "served:wsgi"])


def use_werkzeug() -> List[Any]:
    """A program that calls it."""
    return serve(["-c", WERKZEUG])


def use_django() -> List[Any]:
    """`runserver`."""
    return serve(["-c", DJANGO])


def use_tornado() -> List[Any]:
    """A server in its own loop, asked twice from a thread."""
    httpserver, ioloop = importlib.import_module("tornado.httpserver"), importlib.import_module("tornado.ioloop")
    web = importlib.import_module("tornado.web")
    sockets = importlib.import_module("tornado.netutil").bind_sockets(0, "127.0.0.1")
    httpserver.HTTPServer(web.Application([("/", web.RequestHandler)])).add_sockets(sockets)
    loop = ioloop.IOLoop.current()
    found: List[Any] = []

    def ask() -> None:
        for _ in range(2):
            try:
                urllib.request.urlopen("http://127.0.0.1:%d/" % sockets[0].getsockname()[1], timeout=30)
            except urllib.error.HTTPError as error:
                found.append([error.code, error.read().decode()])
        loop.add_callback(loop.stop)

    importlib.import_module("logging").getLogger("tornado.access").disabled = True
    threading.Thread(target=ask).start()
    loop.start()
    return found


def connects(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def serve(command: List[str]) -> List[Any]:
    """Start a server, ask it twice, stop it: its answers without dates, and how it ended."""
    if command[0] == "uvicorn":
        command = [*command, "--port", "0"]
    words = [sys.executable, "-u", *([] if command[0] == "-c" else ["-m"]), *command]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = b""
    found = None
    while found is None:
        line = process.stdout.readline()
        assert line, said.decode()
        said += line
        found = re.search(rb"(?:http://|Running on )(?:127\.0\.0\.1|localhost):(\d+)", said)
    target = "http://127.0.0.1:%d/" % int(found.group(1))
    answers: List[Any] = []
    while not connects(int(found.group(1))):  # Django says it before it listens
        assert process.poll() is None
        time.sleep(0.01)
    for _ in range(2):
        with urllib.request.urlopen(target, timeout=30) as response:
            headers = {name: value for name, value in response.headers.items() if name.lower() != "date"}
            answers.append([response.status, headers, response.read().decode()])
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    return [*answers, process.wait(30)]


USES: Dict[str, Callable[[], List[Any]]] = {
    "urllib3": use_urllib3, "httpcore": use_httpcore, "aiohttp": use_aiohttp, "gevent": use_gevent,
    "eventlet": use_eventlet, "apscheduler": use_apscheduler, "gunicorn": use_gunicorn, "uvicorn": use_uvicorn,
    "hypercorn": use_hypercorn, "tornado": use_tornado,
    "waitress": use_waitress, "werkzeug": use_werkzeug, "django": use_django,
}  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(json.dumps(USES[sys.argv[1]](), indent=1) + "\n")
    applied = sys.modules.get("meshrun._applied")
    if applied is not None:
        with open(os.environ["SEEN"] + ".program", "w") as seen:  # noqa: PTH123 -- old releases know no Path
            json.dump(applied.states, seen)
