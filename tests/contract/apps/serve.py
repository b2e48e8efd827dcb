"""The WSGI app under servers that a program calls: ``SERVER`` or ``SERVER.HOW``.

HOW: ``two`` sockets; until the gate ``end`` is open, after which the program goes on (``ends``); in a ``thread`` beside
a main thread that waits, on the port that ``CONTRACT_PORT`` names; ``one`` request at a time; a process ``forked`` for
each; under a ``reloader``; ``unnamed``.
"""

from __future__ import annotations

import importlib
import os
import socketserver
import sys
import threading
from typing import Any, Callable, Dict, List

from tests.contract.apps import state, wsgi
from tests.contract.ports import free_port

LARGE = 16 << 20
"""Bytes of a response that no socket buffer holds."""
PORT = int(os.environ.get("CONTRACT_PORT", "0"))
urlpatterns: List[Any] = []
"""What Django checks before it serves."""


def application(environ: Dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """The plain app, and ``/large``, and ``/size``: how many bytes it was sent."""
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(LARGE))])
        return [b"x" * LARGE]
    if environ["PATH_INFO"] == "/size":
        body = str(len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))).encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]
    return wsgi.application(environ, start_response)


def waitress(how: str) -> None:
    from waitress.server import MultiSocketServer, create_server

    where = "127.0.0.1:%d" % PORT
    server = create_server(application, listen=where + (" 127.0.0.1:0" if how == "two" else ""), channel_timeout=7)
    port = server.effective_listen[0][1] if isinstance(server, MultiSocketServer) else server.effective_port
    state.say("http://127.0.0.1:%d" % int(port))
    server.run()


def werkzeug(how: str) -> None:
    from werkzeug.serving import make_server, run_simple

    if how == "ends":
        server = make_server("127.0.0.1", PORT, application)
        state.say("http://127.0.0.1:%d" % server.port)
        until_it_ends(server)
    run_simple(
        "127.0.0.1", PORT, application, threaded=how in {"", "thread", "reloader"},
        processes=4 if how == "forked" else 1, use_reloader=how == "reloader",
    )  # fmt: skip


def until_it_ends(server: Any) -> None:
    """Serve in the main thread until the test says that it is enough; the program ends by itself, later."""

    def end() -> None:
        state.wait("end")
        server.shutdown()

    threading.Thread(target=end).start()
    server.serve_forever()
    state.note("ended")
    state.wait("exit")
    sys.exit(5)


def wsgiref(how: str) -> None:
    from wsgiref.simple_server import WSGIServer, make_server

    class Threaded(socketserver.ThreadingMixIn, WSGIServer):
        daemon_threads = True

    server = make_server("127.0.0.1", PORT, application, Threaded)
    if how != "unnamed":
        os.environ["MESHRUN_PORT"] = str(server.server_port)  # as the operator would
    state.say("http://127.0.0.1:%d" % server.server_port)
    if how == "ends":
        until_it_ends(server)
    server.serve_forever()


def django(how: str) -> None:
    from django.conf import settings
    from django.core.management import execute_from_command_line

    settings.configure(
        ALLOWED_HOSTS=["*"], WSGI_APPLICATION="tests.contract.apps.serve.application", SECRET_KEY="-",
        ROOT_URLCONF="tests.contract.apps.serve", DATABASES={}, USE_TZ=True,
    )  # fmt: skip
    port = os.environ.setdefault("CONTRACT_PORT", str(free_port()))
    words = [] if how == "reloader" else ["--noreload"]
    execute_from_command_line(["manage", "runserver", "127.0.0.1:" + port, *words])


SERVERS: Dict[str, Callable[[str], None]] = {
    "waitress": waitress, "werkzeug": werkzeug, "wsgiref": wsgiref, "django": django,
}  # fmt: skip

if __name__ == "__main__":
    name, _, how = sys.argv[1].partition(".")
    if how == "thread":
        importlib.import_module(name)  # programs do so in their main thread
        threading.Thread(target=SERVERS[name], args=(how,), daemon=True).start()
        threading.Event().wait()
    SERVERS[name](how)
