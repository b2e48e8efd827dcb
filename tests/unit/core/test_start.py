"""A worker's start: the delay, the probe, the requests that warm it, in the order and the bounds of the rule."""

from __future__ import annotations

from typing import List, Optional

from meshrun.core.rules import Lifecycle
from meshrun.core.start import SHARE, Start

WARM = Lifecycle(delay=0.0, prewarm_requests=6, prewarm_paths=("/a", "/b"), prewarm_concurrency=2, prewarm_timeout=30.0)


def asked(start: Start, now: float, mine: int = 0) -> List[str]:
    """Every path that it wants to send now."""
    found: List[str] = []
    while True:
        one = start.ask(now, mine)
        if one is None:
            return found
        found.append(one.path)


def test_a_rule_that_says_nothing_is_over_at_once() -> None:
    start = Start(Lifecycle(), 5.0)
    start.look(5.0, 0, 0, 1)
    assert start.over
    assert asked(start, 5.0) == []


def test_nothing_is_sent_during_the_delay() -> None:
    start = Start(WARM._replace(delay=3.0, probe_path="/ok"), 5.0)
    start.look(7.9, 0, 0, 1)
    assert (asked(start, 7.9), start.waits) == ([], "waiting for the delay")
    start.look(8.0, 0, 0, 1)
    assert asked(start, 8.0) == ["/ok"]


def test_the_probe_is_sent_one_at_a_time_until_the_answer_is_below_500() -> None:
    start = Start(Lifecycle(delay=0.0, probe_path="/ok", probe_every=2.0), 0.0)
    start.look(0.0, 0, 0, 1)
    for now, status in ((0.0, 503), (2.0, None), (4.0, 500)):
        assert asked(start, now) == ["/ok"]
        start.answered(now, status)
        start.look(now, 0, 0, 1)
        assert (start.over, asked(start, now + 1.9)) == (False, [])
    assert start.waits == "waiting for the probe of /ok (the last answer was 500)"
    assert asked(start, 6.0) == ["/ok"]
    start.answered(6.0, 404)
    start.look(6.0, 0, 0, 1)
    assert start.over


def test_a_worker_alone_is_sent_exactly_the_requests_by_turns_and_no_more_than_so_many_at_once() -> None:
    start = Start(WARM, 0.0)
    start.look(0.0, 10, 10, 1)
    sent = asked(start, 0.0, 10)
    assert sent == ["/a", "/b"]
    while not start.over:
        start.answered(0.0, 200)
        sent += asked(start, 0.0, 10)
        start.look(0.0, 10, 10, 1)
    assert sent == ["/a", "/b"] * 3


def test_a_worker_among_others_sends_until_it_has_served_enough_itself() -> None:
    start, mine, sent = Start(WARM, 0.0), 100, 0
    start.look(0.0, mine, 100, 2)
    while not start.over:
        sent += len(asked(start, 0.0, mine))
        mine += sent % 3 == 0  # the other worker takes two of three
        start.answered(0.0, 200)
        start.look(0.0, mine, 100 + sent, 2)
    assert mine - 100 >= 6
    assert sent > 6


def test_requests_have_a_limit_where_others_take_them_all() -> None:
    start, sent = Start(WARM, 0.0), 0
    start.look(0.0, 0, 0, 2)
    while not start.over:
        sent += len(asked(start, 0.0))
        start.answered(0.0, 200)
        start.look(0.0, 0, 0, 2)
    assert sent == SHARE * 6 * 2


def test_what_all_workers_served_together_counts_against_the_limit() -> None:
    start = Start(WARM, 0.0)
    start.look(0.0, 0, 1000, 2)
    start.look(0.0, 0, 1000 + SHARE * 6 * 2, 2)
    assert (start.over, start.sent) == (True, 0)


def test_the_time_has_a_limit_whatever_is_under_way() -> None:
    start = Start(WARM, 0.0)
    start.look(0.0, 0, 0, 1)
    ask = start.ask(0.0, 0)
    assert ask is not None
    assert ask.until == 30.0
    start.look(29.9, 0, 0, 1)
    assert not start.over
    start.look(30.0, 0, 0, 1)
    assert (start.over, asked(start, 30.0)) == (True, [])


def test_requests_that_fail_count_and_one_without_an_answer_makes_a_pause() -> None:
    start = Start(WARM._replace(prewarm_concurrency=1), 0.0)
    start.look(0.0, 0, 0, 1)
    answers: List[Optional[int]] = [500, None, 200, 200, 200, 200]
    now = 0.0
    for status in answers:
        if not asked(start, now):
            now += 1.0
            start.look(now, 0, 0, 1)
            assert asked(start, now)
        start.answered(now, status)
    start.look(now, 0, 0, 1)
    assert (start.over, start.sent, start.failed, now) == (True, 6, 2, 1.0)
