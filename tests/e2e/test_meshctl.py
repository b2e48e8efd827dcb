from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest

AGENT = Path(__file__).resolve().parents[2] / "agent"


class Shell:
    """Runs ``python -m meshrun.cli`` as an operator's shell would, on a store in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(AGENT),
            "HOME": str(folder),
            "MESHRUN_STORE": "file:%s/store" % folder,
            "MESHRUN_STATE_DIR": str(folder / "state"),
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "meshrun.cli", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def __call__(self, *words: str, given: str = "", status: int = 0) -> str:
        process = self.start(*words)
        out, err = process.communicate(given, timeout=60)
        assert process.returncode == status, err
        return out

    def json(self, *words: str, **more: Any) -> Any:
        return json.loads(self(*words, "-o", "json", **more))


@pytest.fixture
def meshctl(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_an_operator_creates_widens_explains_and_deletes_a_lane(meshctl: Shell) -> None:
    assert "(MESHRUN_STORE)" in meshctl("status").splitlines()[0]
    rules = "kind: Alias\nname: old\nhosts: [orders.corp.example] # legacy\nservice: orders\n"
    assert meshctl("rules", "apply", "-f", "-", "--author", "ann", given=rules).endswith("applied as revision 1\n")
    meshctl("lane", "create", "gray", "--at", "web", "--percent", "0", "--sticky", "header.x-user-id")
    meshctl("lane", "percent", "gray", "100")
    words = ("explain", "--from", "web", "--url", "http://orders.corp.example/a")
    shape = meshctl.json(*words, status=1)
    assert (shape["service"], shape["colour"], shape["reason"]) == ("orders", {"lane": "gray"}, "no-instance")
    assert "100 % at web, sticky header.x-user-id" in meshctl("lane", "list")
    meshctl("rules", "lint")
    meshctl("lane", "delete", "gray")
    assert meshctl.json("lane", "list") == {"lanes": []}
    assert meshctl.json("explain", "--url", "http://elsewhere/", status=1)["reason"] == "not-mesh"
    meshctl("offline", status=3)
    meshctl("no-such-command", status=2)


def test_callers_who_edit_at_the_same_time_all_win_or_are_told(meshctl: Shell) -> None:
    meshctl("lane", "create", "gray", "--at", "web", "--percent", "0")
    running = [meshctl.start("lane", "percent", "gray", str(number)) for number in range(10, 18)]
    won: List[int] = []
    for number, process in zip(range(10, 18), running):
        _, err = process.communicate("", timeout=60)
        if process.returncode == 0:
            won.append(number)
        else:
            assert process.returncode == 1
            assert err.startswith("meshctl: MR3002 the rules changed while this command ran; nothing was written")
    assert won
    [lane] = meshctl.json("lane", "list")["lanes"]
    assert lane["enter"][0]["percent"] in won
    assert "rules version %d," % (1 + len(won)) in meshctl("status")
