"""Forks in a process of ours, on every Python: no warning about threads, no thread or descriptor before first use."""

from __future__ import annotations

import sys
from typing import Iterator

import pytest

from tests.e2e.place import Place, opened

FORKS = """
import os, pty, subprocess, sys
import requests
URL = sys.argv[1]
def own():
    return len(os.listdir("/proc/self/task")), sorted(os.readlink("/proc/self/fd/%d" % n) for n in range(3, 64)
                                                      if os.path.lexists("/proc/self/fd/%d" % n))
def ask():
    return requests.get(URL, timeout=10).json()["server"]
def child(name, fork=os.fork):
    sys.stdout.flush()
    number = fork()
    if isinstance(number, tuple):
        number, master = number
    else:
        master = None
    if not number:
        status = 1
        try:
            status = 5 if ask() == ask() == "stock-0" else 2
        finally:
            os._exit(status)
    if master is not None:
        while True:
            try:
                if not os.read(master, 4096):
                    break
            except OSError:
                break
        os.close(master)
    print(name, os.WEXITSTATUS(os.waitpid(number, 0)[1]), flush=True)
print(own())
child("before")
print(own(), ask())
child("after")
child("again")
child("terminal", pty.fork)
subprocess.run([sys.executable, "-c", "print('preexec')"], preexec_fn=lambda: None, check=True)
subprocess.run([sys.executable, "-c", "print('plain')"], check=True)
child("at last")
print(ask())
"""


@pytest.fixture
def place() -> Iterator[Place]:
    """A mesh of this test."""
    with opened() as made:
        yield made


def test_a_program_that_forks_before_and_after_its_first_call_is_warned_of_nothing(place: Place) -> None:
    """From 3.12 on the interpreter warns of a fork in a process with threads: ours is not there while it forks."""
    (stock,) = place.mesh.service("stock")
    script = place.script(FORKS)
    words = ("-W", "error:This process:DeprecationWarning", script)
    bare = place.run(*words, "http://%s:%d/" % stock.address, bare=True)
    assert (bare.status, bare.err) == (0, "")
    assert bare.out.count(" 5\n") == 5

    assert place.run(*words, "http://stock/") == bare


THREADS = """
import os, sys, threading, time
import encodings.idna, urllib3  # the first, so that no import of bare is under way while it forks
stop = threading.Event()
def ask():
    with urllib3.PoolManager() as pool:  # a connection that is kept would be the parent's and the child's
        return pool.request("GET", sys.argv[1], timeout=10, retries=False).status
def load():
    while not stop.is_set():
        ask()
threads = [threading.Thread(target=load) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(12):
    number = os.fork()
    if not number:
        status = 1
        try:
            status = 5 if ask() == 200 else 2
        finally:
            os._exit(status)
    print(os.WEXITSTATUS(os.waitpid(number, 0)[1]), threading.active_count(), flush=True)
    time.sleep(0.01)
stop.set()
for thread in threads:
    thread.join()
"""


def test_children_forked_while_threads_of_the_app_are_in_calls_call(place: Place) -> None:
    """From the very first call on, in which our runtime is made: no lock of it, and no half of an import, may be held
    by a thread that the child does not have."""
    place.mesh.service("stock")
    script = place.script(THREADS)
    # The interpreter's own warning is about the app's threads, bare as well.
    words = ("-W", "ignore", script)
    for _ in range(3):
        assert place.run(*words, "http://stock/") == (0, "5 4\n" * 12, "")


@pytest.mark.skipif(sys.version_info < (3, 9), reason="the probe reads statuses in a way of 3.9")
def test_a_child_of_a_process_that_has_used_nothing_yet_starts_from_nothing(place: Place) -> None:
    place.mesh.service("stock")
    text = (
        "import os, requests\n"
        "pid = os.fork()\n"
        "os.write(1, b'%d\\n' % len(os.listdir('/proc/self/task')))\n"
        "if pid:\n    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "else:\n    requests.get('http://stock/', timeout=10); os._exit(7)\n"
    )
    assert place.run(place.script(text)) == (0, "1\n1\n7\n", "")
