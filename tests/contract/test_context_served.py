"""Real servers: a colour is there in all that a request does, also when it streams, and in nothing that comes after.

Threads are reused, connections are kept alive, pools are made by the first request, which is a coloured one.
"""

from __future__ import annotations

import contextlib
import json
from typing import Iterator, List, Sequence, Tuple

import pytest

from tests.contract.context import BASE, GRAY
from tests.contract.running import NO_CONTROL, Stage, ask, stage, until

GUNICORN = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "tests.contract.apps.context.served_flask:app")
UVICORN = ("-m", "uvicorn", "--port", "0", "tests.contract.apps.context.served_fastapi:app")
SERVERS = {
    "sync": (GUNICORN, ("/",)),
    "gthread": ((*GUNICORN, "--threads", "1"), ("/",)),
    "h11": ((*UVICORN, "--http", "h11", "--loop", "asyncio"), ("/", "/async")),
    "httptools": ((*UVICORN, "--http", "httptools"), ("/", "/async")),
}
LANES: Sequence[Tuple[str, str, str]] = (
    ("gray", "gray", GRAY), ("", "-", BASE), ("blue", "blue", BASE), ("", "-", BASE), ("gray", "gray", GRAY),
)  # fmt: skip
"""Lane of a request, what is seen in what it spawns, who answers its calls."""


@pytest.fixture(params=list(SERVERS))
def on(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A server, and a mesh with one service and a lane."""
    with stage(SERVERS[request.param][0]) as made:
        made.mesh.service("orders")
        made.mesh.service("orders", 1, {"lane": "gray"}, label="gray")
        made.start()
        yield made


def paths(on: Stage) -> Sequence[str]:
    """The paths that this server's app answers with JSON."""
    return next(paths for command, paths in SERVERS.values() if command == on.command)


def headers(lane: str) -> dict[str, str]:
    """Those of a request in a lane."""
    return {"baggage": "lane=" + lane} if lane else {}


def test_a_request_keeps_its_colour_and_hands_it_to_no_other(on: Stage) -> None:
    running = on.running[0]
    with contextlib.closing(running.connect()) as connection:
        for lane, spawned, answers in LANES:
            for path in paths(on):
                seen = json.loads(ask(connection, path, headers(lane)).body)
                found = (seen["own"], seen["thread"], seen["pool"], seen["call"])
                assert found == (lane or "-", spawned, spawned, answers)


def test_a_streamed_response_has_the_colour_of_its_request(on: Stage) -> None:
    running = on.running[0]
    with contextlib.closing(running.connect()) as connection:
        for lane, spawned, answers in LANES:
            for path in ["/stream"] if len(paths(on)) == 1 else ["/stream", "/astream"]:
                body: List[str] = ask(connection, path, headers(lane)).body.split("\n")[:-1]
                assert body[0] == (lane or "-")
                assert body[1] in (spawned, lane)  # asyncio's own tasks and threads take the whole context
                assert body[2] == answers


def test_work_that_goes_on_after_the_response_has_the_colour_and_the_next_request_has_not(on: Stage) -> None:
    running = on.running[0]
    assert running.get("/later", headers("gray")).status == 200
    assert json.loads(running.get("/").body)["own"] == "-"
    running.open("gate")
    assert until(lambda: running.noted("later"), running.said) == GRAY
    assert json.loads(running.get("/").body)["thread"] == "-"
