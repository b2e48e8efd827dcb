"""A process that waits for a child that serves: the stop signal is the child's, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List

AGENT = Path(__file__).resolve().parents[2] / "agent"
BEGIN = """
import signal, subprocess, sys, time
from meshrun import _children
clock = [100.0]
_children.monotonic = lambda: clock[0]
hand_on = _children.HandOn()
"""


def run(code: str) -> List[str]:
    """What a program says."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], env=dict(os.environ, PYTHONPATH=str(AGENT)), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_the_child_gets_it_and_an_echo_is_held_and_the_next_one_passes() -> None:
    code = "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    code += "print(hand_on(signal.SIGTERM), child.wait())\n"
    code += "clock[0] += 0.4; print(hand_on(signal.SIGTERM))\n"
    code += "clock[0] += 0.4; print(hand_on(signal.SIGTERM))\n"
    assert run(code) == ["True", "-15", "True", "False"]


def test_what_is_no_order_to_end_and_what_finds_no_child_passes() -> None:
    code = "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    code += "print(hand_on(signal.SIGINT), hand_on(signal.SIGQUIT), child.poll())\n"
    code += "child.kill(); child.wait(); print(hand_on(signal.SIGTERM))\n"
    assert run(code) == ["False", "False", "None", "False"]
