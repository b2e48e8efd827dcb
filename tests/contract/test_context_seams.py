"""The seams of green libraries, in the environment that has them; `test_seams` looks at all others."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.contract.mesh import ROOT
from tests.contract.test_context_green import interpreter

GREEN = """
import json, pickle, inspect
import gevent, gevent.greenlet, gevent.hub, eventlet.greenthread, eventlet.tpool, gevent.threadpool
import apscheduler.schedulers.base as base
import importlib
hooks = [importlib.import_module("meshrun_hooks." + name) for name in
         ("gevent", "gevent_threadpool", "eventlet", "eventlet_tpool", "apscheduler")]
places = ((gevent, "spawn_raw"), (gevent.hub, "spawn_raw"), (gevent.threadpool.ThreadPool, "spawn"),
          (eventlet.greenthread.GreenThread, "__init__"), (eventlet.greenthread, "_spawn_n"),
          (eventlet.tpool, "execute"), (base.BaseScheduler, "_process_jobs"))

def held():
    return [vars(owner)[name] for owner, name in places]

def shown(function):
    return [function.__name__, function.__qualname__, function.__module__, function.__doc__,
            str(inspect.signature(function)), pickle.loads(pickle.dumps(function)) is function]

bare = held()
looks = [shown(one) for one in bare]
for _ in range(2):
    for one in hooks:
        one.patch()
    once = held()
    spawned = gevent.spawn(int).get()
for one in hooks:
    one.unpatch()
print(json.dumps({
    "changed": all(a is not b for a, b in zip(bare, once)), "same": once[0] is once[1],
    "looks": looks == [shown(one) for one in bare],
    "restored": all(a is b for a, b in zip(bare, held())),
}))
for one in hooks:
    one.patch()
assert looks == [shown(one) for one in held()], [shown(one) for one in held()]
"""


@pytest.mark.slow
def test_the_seams_of_green_libraries_read_as_before_and_are_given_back() -> None:
    path = os.pathsep.join([str(ROOT / "agent"), str(ROOT / "hooks")])
    done = subprocess.run(
        [interpreter(), "-W", "ignore", "-c", GREEN], env=dict(os.environ, PYTHONPATH=path), cwd=str(ROOT), timeout=60,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen: Any = json.loads(done.stdout)
    assert (seen["changed"], seen["same"], seen["looks"], seen["restored"]) == (True, True, True, True)
