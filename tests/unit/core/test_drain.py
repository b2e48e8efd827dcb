"""The stop as a state machine: when the app's own handler may run."""

from __future__ import annotations

from typing import List, Tuple

from hypothesis import given
from hypothesis import strategies as st

from meshrun.core.drain import DELIVER, DRAINING, IDLE, Stop


def started(seconds: float = 6, quiet: float = 1, minimum: float = 2, *, signal: bool = True) -> Stop:
    stop = Stop()
    assert stop.asked(100, seconds, quiet, minimum, signal=signal) == DRAINING
    return stop


def test_nothing_happens_before_it_is_asked() -> None:
    assert Stop().sample(1e9, 0, 0) == IDLE


def test_an_idle_process_waits_for_the_minimum() -> None:
    stop = started()
    assert stop.sample(101.9, 0, 5) == DRAINING
    assert stop.sample(102, 0, 5) == DELIVER


def test_quiet_longer_than_the_minimum_is_waited_for() -> None:
    stop = started(quiet=3)
    assert stop.sample(102.9, 0, 0) == DRAINING
    assert stop.sample(103, 0, 0) == DELIVER


def test_a_request_in_flight_restarts_the_quiet_time() -> None:
    stop = started()
    assert stop.sample(103, 1, 7) == DRAINING
    assert stop.sample(103.9, 0, 7) == DRAINING
    assert stop.sample(104, 0, 7) == DELIVER


def test_a_request_between_two_samples_restarts_the_quiet_time() -> None:
    stop = started()
    stop.sample(101.5, 0, 7)
    assert stop.sample(103, 0, 8) == DRAINING
    assert stop.sample(104, 0, 8) == DELIVER


def test_a_request_that_never_ends_holds_until_the_deadline() -> None:
    stop = started()
    assert stop.sample(105.99, 1, 1) == DRAINING
    assert stop.sample(106, 1, 1) == DELIVER


def test_the_deadline_is_before_the_minimum_if_it_is_shorter() -> None:
    assert started(seconds=1).sample(101, 1, 1) == DELIVER


def test_no_seconds_is_no_drain() -> None:
    assert Stop().asked(100, 0, 1, 2) == DELIVER


def test_the_echo_of_a_signal_is_the_same_signal() -> None:
    stop = started()
    assert stop.signalled_again(100.5) == DRAINING


def test_a_second_signal_more_than_half_a_second_later_delivers_at_once() -> None:
    stop = started()
    stop.signalled_again(100.001)
    assert stop.signalled_again(100.51) == DELIVER


def test_the_first_signal_after_an_operators_wish_is_not_a_second_one() -> None:
    stop = started(signal=False)
    assert stop.signalled_again(101) == DRAINING
    assert stop.signalled_again(101.3) == DRAINING
    assert stop.signalled_again(101.6) == DELIVER


def test_asking_again_does_not_move_the_deadline() -> None:
    stop = started()
    stop.asked(104, 60, 1, 2)
    assert stop.sample(106, 1, 1) == DELIVER


def test_a_signal_before_a_stop_leaves_it_idle() -> None:
    assert Stop().signalled_again(100) == IDLE


EVENTS = st.lists(
    st.tuples(st.sampled_from(["sample", "signal", "ask"]), st.floats(0, 2), st.integers(0, 2), st.integers(0, 3)),
    max_size=40,
)


@given(EVENTS, st.floats(0.1, 10), st.floats(0, 3), st.floats(0, 3))
def test_whatever_happens_it_is_over_by_the_deadline_and_never_early(
    events: List[Tuple[str, float, int, int]], seconds: float, quiet: float, minimum: float
) -> None:
    stop = Stop()
    state = stop.asked(100, seconds, quiet, minimum)
    now, requests, signalled = 100.0, 0, False
    for event, step, inflight, more in events:
        before = state
        now += step
        requests += more
        if event == "sample":
            state = stop.sample(now, inflight, requests)
        elif event == "signal":
            signalled = signalled or now - 100 > 0.5
            state = stop.signalled_again(now)
        else:
            state = stop.asked(now, 1, 0, 0)
        assert before != DELIVER or state == DELIVER
        assert state == DELIVER or now < 100 + seconds
        if state == DELIVER and not signalled and now < 100 + seconds:
            assert now - 100 >= max(quiet, minimum)
    assert stop.sample(100 + seconds + now, 9, requests) == DELIVER
