from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Processes


def test_a_ready_instance_is_ready(meshctl: Meshctl, process: Processes) -> None:
    process(101, ready=True)
    run = meshctl("ready")
    assert (run.status, run.out) == (0, "ready\n")


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"ready": False, "draining": True}, "draining"),
        ({"ready": False, "reason": "the server is not ready"}, "the server is not ready"),
        ({"ready": False, "reason": None}, "starting"),
    ],
)
def test_one_that_is_not_says_why(meshctl: Meshctl, process: Processes, status: Any, why: str) -> None:
    process(101, ready=True)
    process(102, service="orders", **status)
    run = meshctl("ready")
    assert (run.status, run.out) == (1, "not ready\npid 102 (orders): %s\n" % why)
    assert meshctl("ready", "--service", "web").status == 0


def test_a_process_that_only_calls_others_does_not_count(meshctl: Meshctl, process: Processes) -> None:
    process(101, listeners=[], ready=False)
    run = meshctl("ready")
    assert (run.status, run.out) == (1, "not ready: nothing serves here yet\n")
    process(102, ready=True)
    assert meshctl("ready", "-o", "json").json == {
        "ready": True, "processes": [{"pid": 102, "service": "web", "ready": True, "why": ""}],
    }  # fmt: skip


def test_nobody_is_not_ready(meshctl: Meshctl) -> None:
    assert meshctl("ready").status == 1


def test_one_that_does_not_answer_is_not_ready(meshctl: Meshctl, process: Processes) -> None:
    process(101, answer=b"nonsense")
    run = meshctl("ready", "--service", "web")
    assert (run.status, run.out) == (
        1,
        "not ready\npid 101 (no service name): does not answer: its answer is not HTTP\n",
    )
