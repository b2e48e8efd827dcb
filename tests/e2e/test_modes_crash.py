"""The crash guard: a command that dies young three times in a row starts without us once; nothing else does."""

from __future__ import annotations

import json
import signal
from typing import List

import pytest

from tests.contract.running import NO_CONTROL, until
from tests.e2e.place import APPS, Done, Place, status_of

pytestmark = pytest.mark.slow
PROGRAM = """\
import os, signal, sys
import requests
from meshrun import _applied
print(_applied.states["urllib3"], flush=True)
%s
"""
CRASHES = {
    "leaves by os._exit": "os._exit(3)",
    "is killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "breaks": "os.kill(os.getpid(), signal.SIGSEGV)",
    "raises": "raise RuntimeError('as every time')",
    "raises and replaces the hook": "sys.excepthook = lambda *_: None\nraise RuntimeError('as every time')",
    "raises in a thread pool's result": (
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(lambda: 1 / 0).result()"
    ),
    "is killed after its first call": (
        "try:\n    requests.get('http://nobody.example.invalid/', timeout=5)\nexcept requests.RequestException:\n"
        "    pass\nos.kill(os.getpid(), signal.SIGKILL)"
    ),
}
HARMLESS = {
    "ends": "",
    "fails as commands do": "sys.exit(1)",
    "is interrupted": "os.kill(os.getpid(), signal.SIGINT)",
    "is a test runner that keeps an exception": (
        "def test():\n    raise ValueError\ntry:\n    test()\nexcept ValueError as error:\n"
        "    sys.last_type, sys.last_value = ValueError, error\n    sys.last_traceback = error.__traceback__.tb_next"
    ),
    "becomes a daemon": "if os.fork():\n    os._exit(0)",
    "has children that leave": (
        "import multiprocessing\nfork = multiprocessing.get_context('fork')\n"
        "children = [fork.Process(target=os._exit, args=(3,)) for _ in range(3)]\n"
        "[child.start() for child in children]; [child.join() for child in children]\n"
        "for _ in range(2):\n    if not os.fork():\n        raise RuntimeError('of a child')\n    os.wait()"
    ),
    "becomes another program": "os.execv(sys.executable, [sys.executable, '-c', 'pass'])",
    "starts programs": "import subprocess\nsubprocess.run([sys.executable, '-c', 'import requests'])",
}


def runs(place: Place, text: str, number: int) -> List[Done]:
    script = place.script(PROGRAM % text)
    return [place.run(script, SERVICE="web") for _ in range(number)]


@pytest.mark.parametrize("how", CRASHES)
def test_a_command_that_dies_young_three_times_starts_without_us_once(place: Place, how: str) -> None:
    done = runs(place, CRASHES[how], 5)
    states = [one.out.strip() for one in done]
    assert states == ["applied", "applied", "applied", "off:crash-guard", "applied"]
    assert len({one.status for one in done}) == 1
    assert [len(one.said) for one in done] == [0, 0, 0, 1, 0]
    assert done[3].said[0].startswith("meshrun: crash-guard: this command died within 10 s of its start three times")


@pytest.mark.parametrize("how", HARMLESS)
def test_what_ends_as_it_should_is_no_crash(place: Place, how: str) -> None:
    done = runs(place, HARMLESS[how], 5)
    assert [one.out.split() for one in done] == [["applied"]] * 5
    assert not any(one.said for one in done)
    assert not [path.name for path in (place.state / "crash").glob("*")]


def test_two_deaths_and_an_end_begin_the_count_anew(place: Place) -> None:
    text = "if os.path.exists('die'):\n    os._exit(3)"
    (place.folder / "die").touch()
    runs(place, text, 2)
    (place.folder / "die").unlink()
    runs(place, text, 1)
    (place.folder / "die").touch()
    states = [one.out.strip() for one in runs(place, text, 4)]
    assert states == ["applied", "applied", "applied", "off:crash-guard"]


def test_commands_and_services_count_apart(place: Place) -> None:
    crash = place.script(PROGRAM % "os._exit(3)")
    for number in range(4):
        assert place.run(crash, str(number), SERVICE="web").out == "applied\n"
        assert place.run(crash, SERVICE="web-%d" % number).out == "applied\n"


def test_a_command_that_imports_no_library_leaves_no_trace(place: Place) -> None:
    done = place.run("-c", "import signal, subprocess, asyncio, sys; print('atexit' in sys.modules)")
    assert done.status == 0
    assert not place.state.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_server_that_is_stopped_young_is_no_crash_but_a_killed_one_is(place: Place, number: signal.Signals) -> None:
    """gunicorn leaves by the signal's handler; what a person or a supervisor stops is not broken."""
    words = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--chdir", str(APPS), "front_wsgi")
    for _ in range(3):
        program = place.start(*words, SERVICE="web", DRAIN_SECONDS="0")
        place.registered(program)
        program.process.send_signal(number)
        program.process.wait(60)
        program.stop()
        until(lambda: not place.records())
    again = place.start(*words, SERVICE="web", DRAIN_SECONDS="0")
    place.registered(again)
    assert again.ours() == []


def test_a_process_says_how_often_its_command_died_before(place: Place) -> None:
    text = "import json\nprint(requests.Session().get('http://stock/').status_code, flush=True)\nsys.stdin.read()"
    place.mesh.service("stock")
    script = place.script(PROGRAM % text)
    for _ in range(2):
        program = place.start(script, SERVICE="web")
        assert program.line() == "applied"
        program.stop()
    program = place.start(script, SERVICE="web")
    assert (program.line(), program.line()) == ("applied", "200")
    seen = until(lambda: status_of(place, program), program.said)
    assert seen["young_deaths"] == 2, json.dumps(seen)
