"""What a worker waits for before its instance registers, and what it asks of its own server."""

from __future__ import annotations

import os
from typing import Any, List

import pytest

from meshrun.core.rules import Lifecycle
from meshrun.lifecycle.page import WARM, Page
from meshrun.lifecycle.registration import Listener
from meshrun.lifecycle.starting import Starting

RULE = Lifecycle(delay=0.0, prewarm_requests=1, prewarm_paths=("/a",), prewarm_timeout=30.0)
HTTP = Listener("0.0.0.0", 8000, "http", False, None)


@pytest.fixture
def page() -> Page:
    return Page()


def run(starting: Starting, page: Page, row: Any, rule: Lifecycle, now: float) -> bool:
    """Send all that it wants to be sent, and see whether it allows the registration then."""
    allowed = starting.allows(page, row, rule, 0.0, now)
    while starting.start is not None:
        asked = starting.ask(now)
        if asked is None:
            break
        starting.start.answered(now, 200)
        allowed = starting.allows(page, row, rule, 0.0, now)
    return allowed


def test_a_rule_that_warms_nobody_waits_for_nobody(settings: Any, page: Page) -> None:
    page.expected = 4
    row = page.row(os.getpid())
    assert Starting(settings(), [HTTP]).allows(page, row, Lifecycle(delay=0.0), 0.0, 0.0)


def test_the_instance_waits_until_as_many_workers_are_warm_as_the_master_keeps(settings: Any, page: Page) -> None:
    page.expected = 2
    row, other = page.row(os.getpid()), page.row(os.getppid())
    starting = Starting(settings(), [HTTP])
    assert not run(starting, page, row, RULE, 1.0)
    assert (row[WARM], other[WARM], starting.waits) == (1, 0, "")
    other[WARM] = 1
    assert starting.allows(page, row, RULE, 0.0, 2.0)


def test_the_instance_does_not_wait_for_ever_for_a_worker_that_does_not_come(settings: Any, page: Page) -> None:
    page.expected = 2
    row, starting = page.row(os.getpid()), Starting(settings(), [HTTP])
    assert not run(starting, page, row, RULE, 1.0)
    assert not starting.allows(page, row, RULE, 0.0, 30.9)
    assert starting.allows(page, row, RULE, 0.0, 31.0)


def test_a_worker_that_is_born_when_the_instance_was_registered_serves_at_once(settings: Any, page: Page) -> None:
    page.started = 5.0
    starting = Starting(settings(), [HTTP])
    assert starting.allows(page, page.row(os.getpid()), RULE._replace(probe_path="/never"), 0.0, 0.0)
    assert starting.ask(0.0) is None


def test_a_rule_that_changes_meanwhile_begins_anew(settings: Any, page: Page) -> None:
    row, starting = page.row(os.getpid()), Starting(settings(), [HTTP])
    assert not starting.allows(page, row, Lifecycle(delay=0.0, probe_path="/typo"), 0.0, 0.0)
    assert starting.waits == "waiting for the probe of /typo"
    assert starting.allows(page, row, Lifecycle(delay=0.0), 0.0, 1.0)


def test_a_server_that_speaks_no_http_is_neither_probed_nor_warmed(settings: Any, page: Page) -> None:
    starting = Starting(settings(), [Listener("127.0.0.1", 9000, "grpc", False, None)])
    assert starting.allows(page, page.row(os.getpid()), RULE._replace(probe_path="/x"), 0.0, 0.0)


@pytest.mark.parametrize(
    ("listeners", "expected"),
    [
        ([HTTP], ("127.0.0.1", 8000)),
        ([Listener("::", 8000, "http", False, None)], ("::1", 8000)),
        ([Listener("10.0.0.9", 8000, "http", False, None)], ("10.0.0.9", 8000)),
        ([Listener("127.0.0.1", 9000, "grpc", False, None), HTTP], ("127.0.0.1", 8000)),
    ],
)
def test_requests_go_to_the_own_socket_under_the_name_of_the_service(
    settings: Any, listeners: List[Listener], expected: Any
) -> None:
    target = Starting(settings(PORT=""), listeners).target()
    assert target is not None
    assert (target[:2], target.host) == (expected, "web")


def test_a_port_that_is_mapped_from_outside_is_not_where_they_go(settings: Any) -> None:
    target = Starting(settings(PORT="31000"), [HTTP]).target()
    assert target is not None
    assert target.port == 8000
