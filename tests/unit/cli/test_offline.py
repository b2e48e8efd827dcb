from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Processes


def test_every_process_of_the_state_folder_is_told(meshctl: Meshctl, process: Processes) -> None:
    web, orders = process(101, inflight=1), process(102, service="orders")
    run = meshctl("offline")
    assert run.status == 0
    assert run.out == "pid 101 (web) drains, 1 request in flight\npid 102 (orders) drains, 0 requests in flight\n"
    for made in (web, orders):
        assert made.asked == ["GET /status HTTP/1.0", "POST /offline HTTP/1.0"]


def test_only_the_named_service_or_process_is_told(meshctl: Meshctl, process: Processes) -> None:
    web, orders, other = process(101), process(102, service="orders"), process(103, namespace="shop")
    run = meshctl("offline", "--service", "web", "-o", "json")
    assert run.json == {"processes": [{"pid": 101, "service": "web", "draining": True}]}
    assert meshctl("offline", "--service", "web.shop", "-o", "json").json["processes"][0]["pid"] == 103
    assert meshctl("offline", "--pid", "102").status == 0
    assert [made.asked.count("POST /offline HTTP/1.0") for made in (web, orders, other)] == [1, 1, 1]


def test_nobody_to_tell_is_unreachable_and_names_who_lives(meshctl: Meshctl, process: Processes) -> None:
    run = meshctl("offline")
    assert run.status == 3
    assert "MR6001 there is no live process under %s" % meshctl.state in run.err.replace("\n  ", " ")
    process(101)
    run = meshctl("offline", "--service", "orders")
    assert run.status == 3
    text = " ".join(run.err.split())
    assert "there is no process of orders under" in text
    assert "Name one of these with --pid or --service: 101 (web, %s)." % meshctl.state in text
    assert "there is no process 7 " in meshctl("offline", "--pid", "7").err


def test_a_process_that_does_not_answer_is_a_finding(meshctl: Meshctl, process: Processes) -> None:
    process(101, answer=b"nonsense")
    run = meshctl("offline")
    assert run.status == 1
    assert run.out == "pid 101 (no service name) does not answer: its answer is not HTTP (MR6002)\n"


def test_a_dead_socket_is_nobody(meshctl: Meshctl) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        here = os.open(str(meshctl.state), os.O_RDONLY)
        dead.bind("/proc/self/fd/%d/101.sock" % here)
        os.close(here)
    assert meshctl("offline").status == 3
    assert (meshctl.state / "101.sock").exists()
