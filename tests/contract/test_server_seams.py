"""Each seam of the server hooks by itself: patched once, read as before, given back, robust against our own failure."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.contract.mesh import ROOT
from tests.contract.running import MAJOR, NO_CONTROL, stage

HOOKS = (
    "signal", "asyncio", "uvloop", "gunicorn_arbiter", "gunicorn_response", "gunicorn_sync", "gunicorn_gthread",
    "uvicorn_server", "uvicorn_h11", "uvicorn_httptools", "uvicorn_websockets", "uvicorn_sansio", "uvicorn_wsproto",
    "aiohttp_web", "hypercorn_run", "hypercorn_task", "hypercorn_protocol", "hypercorn_websocket",
    "hypercorn_trio", "hypercorn_trio_task", "granian_mp", "tornado_websocket",
    "waitress_server", "waitress_task", "werkzeug_serving", "werkzeug_reloader", "wsgiref_server",
    "django_basehttp", "django_autoreload",
    "tornado_process", "tornado_connection", "tornado_server", "tornado_web", "gevent_signal", "gevent_pywsgi",
    "gunicorn_gevent", "gunicorn_asgi", "gunicorn_asgi_websocket",
)  # fmt: skip

SCRIPT = """
import importlib, inspect, json, pickle, sys
hook = importlib.import_module("meshrun_hooks." + sys.argv[1])

def owner_of(seam):
    home, path = seam.partition(" ")[0].split(":")
    owner = importlib.import_module(home)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    return owner, name

def looks(function, inherited):
    known = {name: getattr(function, name, None) for name in ("__module__", "__name__", "__qualname__", "__doc__")}
    try:
        signature = str(inspect.signature(function))
    except ValueError:
        signature = "-"
    try:
        pickled = pickle.loads(pickle.dumps(function)) is function
    except (AttributeError, pickle.PicklingError):
        pickled = "-"
    if "cython" in type(inspect.unwrap(function)).__name__:
        pickled = "-"  # by the class that is written in C; the seam is on the Python class above it
    if inherited:
        pickled = "-"  # by the class that it comes from; as a method of its object it is pickled by that
    return dict(known, signature=signature, coroutine=inspect.iscoroutinefunction(function), pickled=pickled)

seams = [owner_of(seam) for seam in hook.SEAMS]
bare = [getattr(owner, name) for owner, name in seams]
own = [name in vars(owner) for owner, name in seams]
before = [looks(function, not mine) for function, mine in zip(bare, own)]
hook.patch()
patched = [getattr(owner, name) for owner, name in seams]
hook.patch()
twice = [getattr(owner, name) for owner, name in seams]
after = [looks(function, not mine) for function, mine in zip(patched, own)]
hook.unpatch()
restored = [getattr(owner, name) for owner, name in seams]
hook.patch()
for owner, name in seams:
    inner = getattr(owner, name)
    other = lambda *args, _inner=inner, **kwargs: _inner(*args, **kwargs)
    setattr(owner, name, other)
hook.unpatch()
print(json.dumps({
    "changed": all(a is not b for a, b in zip(bare, patched)),
    "once": all(a is b for a, b in zip(patched, twice)),
    "before": before, "after": after,
    "restored": all(a is b for a, b in zip(bare, restored)),
    "own": own,
    "theirs": [getattr(owner, name).__name__ for owner, name in seams],
}))
"""


def run(*arguments: str) -> Any:
    path = os.pathsep.join([str(ROOT / "agent"), str(ROOT / "hooks")])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], env=dict(os.environ, PYTHONPATH=path), cwd=str(ROOT), timeout=60,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_seam_is_patched_once_reads_as_before_and_is_given_back(hook: str) -> None:
    module = importlib.import_module("meshrun_hooks." + hook).SEAMS[0].partition(":")[0]
    if hook.startswith("gunicorn_asgi") and MAJOR < 27:
        pytest.skip("not with the seams of this release")
    for library in ("gevent", "trio"):
        if "_" + library in hook:
            pytest.importorskip(library)  # without it there is the file of the worker, and an error
    if importlib.util.find_spec(module.partition(".")[0]) is None or importlib.util.find_spec(module) is None:
        pytest.skip("not installed here, or not in this release: " + module)
    seen = run(hook)
    assert seen["changed"]
    assert seen["once"]
    assert seen["after"] == seen["before"]
    assert seen["restored"]
    assert seen["theirs"] == ["<lambda>"] * len(seen["theirs"])  # another agent's wrapper on top stays


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "tests.contract.apps.wsgi:application"),
        ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--threads", "2", "tests.contract.apps.wsgi:application"),
        ("-m", "uvicorn", "--port", "0", "tests.contract.apps.asgi:application"),
        ("-m", "tests.contract.apps.aio", "run_app"),
        ("-m", "tests.contract.apps.hyper", "asgi"),
        ("-m", "tests.contract.apps.tornado_app", "run"),
        ("-m", "tests.contract.apps.gevent_app", "serve"),
        ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "-k", "gevent", "tests.contract.apps.wsgi:application"),
        ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "-k", "asgi", "tests.contract.apps.asgi:application"),
        ("-m", "tests.contract.apps.serve", "waitress"),
        ("-m", "tests.contract.apps.serve", "werkzeug"),
        ("-m", "tests.contract.apps.serve", "wsgiref"),
        ("-m", "tests.contract.apps.serve", "django"),
        ("-m", "tests.contract.apps.granian_main", "--interface", "asgi", "tests.contract.apps.asgi:application"),
        ("-m", "tests.contract.apps.granian_main", "--interface", "wsgi", "tests.contract.apps.wsgi:application"),
    ],
    ids=[
        "sync", "threaded", "uvicorn", "aiohttp", "hypercorn", "tornado", "gevent", "gevent-gunicorn", "asgi",
        "waitress", "werkzeug", "wsgiref", "django", "granian-asgi", "granian-wsgi",
    ],
)  # fmt: skip
def test_a_failure_of_ours_leaves_the_server_as_bare(command: Any, request: Any) -> None:
    library = request.node.callspec.id.partition("-")[0]
    if library in {"hypercorn", "granian", "tornado", "gevent", "waitress", "werkzeug", "django"}:
        pytest.importorskip(library)
    if library == "asgi" and MAJOR < 27:
        pytest.skip("this release has no such worker, or no seams")
    with stage(command) as on:
        folders = (ROOT / "tests" / "contract" / "apps" / "broken", ROOT / "sitecustomize")
        broken = on.start(pythonpath=os.pathsep.join(map(str, folders)))
        bare = on.start(bare=True)
        for path in ("/", "/stream", "/fail"):
            ours, theirs = broken.raw(path, {}), bare.raw(path, {})
            assert ours == theirs, broken.said()
        assert broken.said().count("meshrun: ") >= 1
        assert "broken on purpose" in broken.said()
        assert on.records() == ()
        for running in (broken, bare):
            running.kill(15)
        assert broken.exit_code() == bare.exit_code()
