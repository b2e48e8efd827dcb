"""What the apps of the server contract share: what they see of the request's colour, and gates made of files."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

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


if "CONTRACT_START" in os.environ:
    note("importing")
    wait(os.environ["CONTRACT_START"])
