"""The samples of several processes as those of one instance."""

from __future__ import annotations

import pytest

from meshrun.telemetry import metrics, sums

ODD = 'a "quoted" \\ word\nand {another} 1'


def page(*events: str, **gauges: float) -> str:
    """What a process says that has counted these."""
    counter = metrics.Counter("meshrun_requests_total", ("peer",))
    for event in events:
        counter.add((event,))
    return metrics.exposition([counter], gauges)


def test_what_is_read_is_what_was_written() -> None:
    text = page("a", "b", "a", ODD, meshrun_mode=4.0, meshrun_snapshot_age_seconds=0.125, meshrun_seconds_sum=1.5)
    reading = sums.read(text)
    assert sums.written(reading.kinds, reading.counters, reading.gauges) == text


def test_counters_are_added_up_by_their_labels() -> None:
    readings = [sums.read(page(*events)) for events in (("a", "b", ODD), ("a", ODD), ("c",), ())]
    total = sums.added(reading.counters for reading in readings)
    assert sums.written(readings[0].kinds, total) == page("a", "b", ODD, "a", ODD, "c")


@pytest.mark.parametrize("name", ["meshrun_rules_version", "meshrun_mode"])
def test_what_every_process_has_reached_is_the_least(name: str) -> None:
    assert sums.combined([{name: 3.0}, {name: 2.0}, {}]) == {name: 2.0}


def test_of_any_other_gauge_it_is_the_most() -> None:
    name = 'meshrun_snapshot_age_seconds{a="b"}'
    assert sums.combined([{name: 0.5}, {name: 7.0}, {}]) == {name: 7.0}


def test_what_is_no_page_is_refused() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        sums.read("# TYPE meshrun_mode gauge\nmeshrun_mode x\n")
