"""Operators' commands against live programs: what they say holds, and what they change is followed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest

from tests.contract.running import NO_CONTROL, until
from tests.e2e.modes import eventually
from tests.e2e.place import APPS, BOUND_SECONDS, Place, Program, exchange, status_of

ASKER = str(APPS / "asker.py")
GUNICORN = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--chdir", str(APPS), "modes_app:wsgi")


def web(place: Place) -> Program:
    """A service that calls `stock` when it is asked to; registered."""
    settings: Any = {"SERVICE": "web", "DRAIN_SECONDS": "0", "target": "http://stock/"}
    program = place.start(*GUNICORN, **settings)
    place.registered(program)
    return program


def answered_by(program: Program) -> str:
    """Which server of `stock` answers a request that comes to web."""
    request = b"GET /call HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"
    return exchange(program.port(), request).partition(b"\r\n\r\n")[2].decode()


def shape(place: Place, *words: str, status: int = 0) -> Any:
    return json.loads(place.meshctl(words[0], "-o", "json", *words[1:], status=status))


@pytest.mark.slow
def test_a_lane_is_widened_paused_promoted_and_aborted_while_requests_come(place: Place) -> None:
    place.mesh.service("stock")
    place.mesh.service("stock", tags={"lane": "gray"}, label="gray")
    program = web(place)
    assert answered_by(program) == "stock-0"
    for words, wanted in (
        (("lane", "create", "gray", "--at", "web", "--percent", "100"), "gray-0"),
        (("lane", "pause", "gray"), "stock-0"),
        (("lane", "promote", "gray"), "gray-0"),
        (("lane", "abort", "gray"), "stock-0"),
        (("lane", "percent", "gray", "100"), "gray-0"),
    ):
        place.meshctl(*words)
        eventually(lambda: answered_by(program), wanted)


@pytest.mark.slow
def test_a_mode_is_followed_by_every_worker_before_the_command_returns(place: Place) -> None:
    place.mesh.service("stock")
    program = web(place)
    until(lambda: status_of(place, program) or status_of(place), program.said)
    for words, mode in (
        (("mode", "observe", "--service", "web"), "observe"),
        (("mode", "dormant", "--service", "web", "--expires", "1h"), "dormant"),
        (("mode", "default", "--service", "web"), "enforce"),
        (("mode", "off", "--local"), "dormant"),
        (("mode", "enforce", "--local"), "enforce"),
    ):
        found = shape(place, *words)["processes"]
        assert {one["mode"] for one in found if one["service"] == "web"} == {mode}, (words, found)
        seen = shape(place, "mode")["processes"]
        assert [one["mode"] for one in seen] == [one["mode"] for one in found]
    place.registered(program)


def test_doctor_and_hooks_say_of_a_live_process_what_is_so(place: Place) -> None:
    (stock,) = place.mesh.service("stock")
    program = place.start(ASKER, SERVICE="web")
    assert program.tell("http://stock/") == "stock-0"
    status = until(lambda: status_of(place, program), program.said)
    found = shape(place, "doctor", "--pid", str(program.process.pid))
    assert [check for check in found["checks"] if check["state"] == "wrong"] == []
    assert found["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert found["hooks"] == status["hooks"]
    assert found["hooks"]["urllib3"] == "applied"
    libraries = {one["name"]: one for one in found["libraries"]}
    assert libraries["urllib3"]["state"] == "supported"
    (listed,) = shape(place, "hooks")["processes"]
    assert (listed["pid"], listed["hooks"]) == (program.process.pid, found["hooks"])
    assert stock.seen


def test_doctor_says_why_meshrun_is_not_in_a_live_process(place: Place) -> None:
    bare = place.start(ASKER, bare=True)
    shut = place.start("-E", ASKER, SERVICE="web")
    for program, code in ((bare, "MR7002"), (shut, "MR7003")):
        program.tell("http://127.0.0.1:9/")
        found = shape(place, "doctor", "--pid", str(program.process.pid), status=1)
        assert [check["code"] for check in found["checks"] if check["state"] == "wrong"] == [code]
        assert found["hooks"] is None


def test_config_check_names_each_setting_that_a_program_complains_about(place: Place) -> None:
    wrong: Any = {"MOD": "carry", "HOOKS": "-urlib3", "TRUST": "10.0.0.0/33", "PORT": "many", "WIRE_READ": "b3"}
    (stock,) = place.mesh.service("stock")
    program = place.start(ASKER, **wrong)
    program.tell("http://stock/")
    program.end()
    environ = {"MESHRUN_" + name: value for name, value in wrong.items()}
    ran = subprocess.run(
        [sys.executable, "-m", "meshrun.cli", "config", "check", "-o", "json"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": place.operator()["pythonpath"], **environ},
        capture_output=True, text=True, timeout=BOUND_SECONDS, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    named = {problem["where"] for problem in json.loads(ran.stdout)["problems"]}
    assert named == set(environ)
    assert len(program.ours()) == len(wrong)
    for name in named:
        assert [line for line in program.ours() if name in line], program.ours()
    assert stock.seen


def test_a_door_that_is_opened_starts_meshrun_in_that_environment_only(place: Place) -> None:
    environment = place.folder / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=BOUND_SECONDS)
    python = str(environment / "bin" / "python")
    words = [python, "-I", "-c", "import sys; print('meshrun' in sys.modules)"]
    environ = {"PATH": os.environ["PATH"], "MESHRUN_ENABLED": "1", "MESHRUN_STATE_DIR": str(place.state)}

    def inside() -> str:
        ran = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=BOUND_SECONDS, check=True)
        assert ran.stderr == ""
        return ran.stdout

    def files() -> List[Path]:
        return sorted(path for path in environment.rglob("*") if path.is_file())

    before = files()
    assert inside() == "False\n"
    place.meshctl("venv", "enable", str(environment))
    assert inside() == "True\n"
    del environ["MESHRUN_ENABLED"]
    assert inside() == "False\n"
    place.meshctl("venv", "disable", str(environment))
    assert files() == before


def test_cases_say_what_live_calls_do(place: Place) -> None:
    place.mesh.service("stock")
    (gray,) = place.mesh.service("stock", tags={"lane": "gray"}, label="gray")
    place.meshctl("lane", "create", "gray", "--at", "web", "--percent", "100")
    cases = place.folder / "cases.yaml"
    cases.write_text(
        "cases:\n  - name: a request at web\n    call: { from: web, to: stock }\n"
        "    expect: { lane: gray, address: '127.0.0.1:%d' }\n" % gray.port
    )
    program = web(place)
    assert "all as expected" in place.meshctl("rules", "test", str(cases))
    assert answered_by(program) == "gray-0"
    place.meshctl("lane", "abort", "gray")
    assert "FAIL" in place.meshctl("rules", "test", str(cases), status=1)
    eventually(lambda: answered_by(program), "stock-0")
