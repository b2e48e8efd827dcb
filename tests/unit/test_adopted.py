"""Our handler where the program has none: when it stands, whom it leaves alone, and what a child gets of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

AGENT = Path(__file__).resolve().parents[2] / "agent"
BEGIN = """
import faulthandler, hashlib, multiprocessing, os, signal, sys, threading, time
import meshrun.hook
from meshrun import _adopted
def caught():
    [mask] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("SigCgt")]
    return bool(int(mask, 16) >> (signal.SIGTERM - 1) & 1)
def long_call():
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 40000000)
"""
NAMED = "_adopted.early({'MESHRUN_PORT': '8000'})\n"


def run(code: str) -> List[str]:
    """What a program says, line by line."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], env=dict(os.environ, PYTHONPATH=str(AGENT)), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return [*done.stdout.split(), str(done.returncode)]


def test_it_stands_early_where_a_port_is_named_and_nowhere_else() -> None:
    said = "; print(caught(), _adopted.adopted())"
    assert run("_adopted.early({'MESHRUN_SERVICE': 'web'})" + said) == ["False", "False", "0"]
    assert run("_adopted.early({'MESHRUN_PORTS': 'http:80'})" + said) == ["True", "True", "0"]


def test_before_anything_listens_a_signal_ends_the_program_as_bare() -> None:
    assert run(NAMED + "os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)") == [str(-signal.SIGTERM)]


def test_a_side_thread_may_set_none_and_says_nothing() -> None:
    code = "thread = threading.Thread(target=_adopted.early, args=({'MESHRUN_PORT': '1'},)); thread.start();"
    assert run(code + "thread.join(); print(caught())") == ["False", "0"]


@pytest.mark.parametrize(
    "there",
    [
        "signal.signal(signal.SIGTERM, lambda *_: print('own', flush=True))",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "faulthandler.register(signal.SIGTERM, file=open(os.devnull, 'w'))",  # C code, of which Python knows nothing
    ],
    ids=["own", "ignored", "c"],
)
def test_whatever_the_program_has_stays(there: str) -> None:
    code = there + "\n%sos.kill(os.getpid(), signal.SIGTERM); time.sleep(0.05); print(_adopted.adopted())"
    assert run(code % NAMED) == run(code % "")


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_in_a_long_call_into_c_ends_at_once(how: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    code = "%s%sif __name__ == '__main__':\n child = multiprocessing.get_context('%s').Process(target=long_call)\n"
    code += (
        " child.start(); time.sleep(1); child.terminate(); child.join(5); print(_adopted.adopted(), child.exitcode)\n"
    )
    program.write_text(code % (BEGIN, NAMED, how))
    done = subprocess.run(
        [sys.executable, str(program)], env=dict(os.environ, PYTHONPATH=str(AGENT)), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("True %d\n" % -signal.SIGTERM, "")


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_a_pool_is_terminated_at_once_whatever_its_worker_does(how: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    code = BEGIN + NAMED
    code += """
def minutes():
    open(sys.argv[1], "w").close()
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 1000000000)
if __name__ == "__main__":
    pool = multiprocessing.get_context("%s").Pool(1)
    [worker] = multiprocessing.active_children()
    pool.apply_async(minutes)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    time.sleep(0.3)
    pool.terminate()
    pool.join()
    print(_adopted.adopted(), worker.exitcode)
"""
    program.write_text(code % how)
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "begun")], env=dict(os.environ, PYTHONPATH=str(AGENT)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("True %d\n" % -signal.SIGTERM, "")
