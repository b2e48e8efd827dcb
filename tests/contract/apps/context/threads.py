"""Threads of every form, started inside and outside of coloured requests."""

from __future__ import annotations

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import follow

seen = {}


def note(name, read=follow.colour):
    seen[name] = read()


class Own(threading.Thread):
    def __init__(self, name):
        super().__init__(name=name)

    def run(self):
        note(self.name)


class Slots(threading.Thread):
    """Starts as many apps start theirs: with an own `start`, from the constructor, as a daemon."""

    def __init__(self, name):
        super().__init__(target=note, args=(name,), daemon=True)
        self.start()


def ended(*threads):
    for thread in threads:
        if not thread.is_alive() and thread.ident is None:
            thread.start()
        thread.join(follow.BOUND_SECONDS)


def nested(name):
    ended(threading.Thread(target=note, args=(name,)))


def follows():
    for lane in ("gray", "", "blue"):
        with follow.serving(lane):
            ended(
                threading.Thread(target=note, args=(lane + " thread",)),
                threading.Thread(target=functools.partial(note, lane + " partial")),
                threading.Timer(0.01, note, (lane + " timer",)),
                Own(lane + " subclass"),
                Slots(lane + " daemon"),
                threading.Thread(target=nested, args=(lane + " nested",)),
                threading.Thread(target=note, args=(lane + " call", follow.reached)),
            )
    ended(threading.Thread(target=note, args=("nobody",)))
    made = threading.Thread(target=note, args=("made inside, started outside",))
    with follow.serving("gray"):
        late = threading.Thread(target=note, args=("made outside, started inside",))
        threading.Thread(target=note, args=("made inside, started outside",))
        ended(late)
    ended(made)
    return seen


def refused():
    """A start that fails leaves nothing, and may be tried again."""
    with follow.serving("gray"):
        thread = threading.Thread(target=note, args=("again",))
        original = getattr(threading, door)
        setattr(threading, door, failing)
        try:
            thread.start()
        except RuntimeError as error:
            seen["error"] = str(error)
        finally:
            setattr(threading, door, original)
        seen["left"] = "_bootstrap_inner" in vars(thread)
        ended(thread)
        try:
            thread.start()
        except RuntimeError as error:
            seen["twice"] = str(error)
        seen["left after"] = "_bootstrap_inner" in vars(thread)
    return seen


door = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"


def failing(*_, **__):
    raise RuntimeError("can't start new thread")


def carried():
    """Headers that are only carried follow too, and a colour that is not trusted stays that."""
    copied = {"baggage": "lane=gray"}
    with follow.serving("gray", ("x-tenant", "acme")), ThreadPoolExecutor(1) as pool:
        seen["own"] = follow.reached(headers=copied)
        ended(threading.Thread(target=note, args=("thread", lambda: follow.reached(headers=copied))))
        seen["pool"] = pool.submit(follow.reached, headers=copied).result()
    seen["nobody"] = follow.reached(headers=copied)
    return seen


follow.answer(globals()[sys.argv[1]]())
