"""What the apps of the server contract share: what they see of the request's colour, and gates made of files."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Iterator
from urllib.parse import parse_qs

FOLDER = Path(os.environ["CONTRACT_FOLDER"])
BOUND_SECONDS = 30.0


def colour() -> str:
    """The colour of the current request as ``k=v,...``; ``-``: there is none."""
    context = sys.modules.get("meshrun.runtime.context")
    current = context.CURRENT.get() if context is not None else None
    return "-" if current is None else ",".join("%s=%s" % pair for pair in current.colour)


def note(name: str, text: str = "") -> None:
    """Leave a word for the test."""
    temporary = FOLDER / (name + ".new")
    temporary.write_text(text)
    temporary.rename(FOLDER / name)


def say(text: str) -> None:
    """A line for whoever reads the log."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def opened(name: str) -> bool:
    """Whether the test opened a gate."""
    return (FOLDER / name).exists()


def wait(name: str) -> None:
    """Wait until the test opens a gate."""
    end = time.monotonic() + BOUND_SECONDS
    while not opened(name) and time.monotonic() < end:
        time.sleep(0.01)


class Told:
    """A stream as the query of its request describes it.

    ``name=``: for what the app notes at the end; ``kind=``: its Content-Type; ``pause=``: seconds between two pieces;
    ``events=``: how many there are, each in two pieces; ``idle=``: seconds that it goes on for behind them; ``size=``:
    of a comment in each.
    """

    def __init__(self, query: str) -> None:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        self._name = asked["name"]
        self.kind = asked.get("kind", "text/event-stream")
        self._pause = float(asked.get("pause", "0.02"))
        self._events = int(asked.get("events", "1000000"))
        self._idle = float(asked.get("idle", "0"))
        self._comment = b":%s\n" % (b"." * int(asked["size"])) if "size" in asked else b""
        self.pause = self._pause

    def pieces(self) -> Iterator[bytes]:
        """What the stream is made of; `pause` is to be waited for behind each."""
        for number in range(self._events):
            yield b"%sid: %d\n" % (self._comment, number)
            self.pause = self._idle if self._idle and number == self._events - 1 else self._pause
            yield b"data: again\r\n\r\n"

    def note(self, text: str) -> None:
        """What the app saw at the end."""
        note(self._name, text)


def handlers() -> str:
    """What the app reads back about its signals; addresses of objects are taken out."""
    found = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)]
    return ";".join(getattr(handler, "__qualname__", None) or str(handler).split(" at ")[0] for handler in found)


def fork() -> int:
    """A child that waits for its SIGTERM; its wait status."""
    child = os.fork()
    if child == 0:
        note("child", str(os.getpid()))
        time.sleep(BOUND_SECONDS)
        os._exit(0)
    return child


def deep() -> None:
    """Minutes in one call into C, in which no handler of Python runs."""
    import hashlib

    note("deep")
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 1_000_000_000)


def pool() -> str:
    """How the worker of a pool ends that is terminated inside of such a call."""
    import multiprocessing

    made = multiprocessing.get_context("fork").Pool(1)
    (worker,) = multiprocessing.active_children()
    made.apply_async(deep)
    wait("deep")
    time.sleep(0.3)  # the call comes behind the note
    made.terminate()
    made.join()
    return str(worker.exitcode)


if "CONTRACT_START" in os.environ:
    note("importing")
    wait(os.environ["CONTRACT_START"])
