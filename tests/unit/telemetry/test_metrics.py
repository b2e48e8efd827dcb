"""Counters and their page."""

from __future__ import annotations

import threading

from meshrun.telemetry import metrics


def test_threads_lose_no_increment() -> None:
    """Four threads, one series."""
    counter = metrics.Counter("x_total", ("a",))

    def work() -> None:
        for _ in range(5000):
            counter.add(("1",))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(counter.items()) == [(("1",), 20000)]


def test_series_are_capped() -> None:
    """Label values beyond the cap are added up under `other`."""
    counter = metrics.Counter("x_total", ("a",))
    for number in range(metrics.MAX_SERIES + 10):
        counter.add((str(number),))
    assert dict(counter.items())[("other",)] == 10
    assert counter.total() == metrics.MAX_SERIES + 10


def test_the_parts_of_owners_are_in_the_sum_also_when_they_are_settled() -> None:
    """And each owner can be asked for its own."""
    counter = metrics.Counter("x_total", ("a",))
    counter.add(("1",))
    for owner in ("i", "answered"), ("j", "answered"):
        for label in ("1", "1", "2"):
            next(counter.part(owner, (label,)))
    assert counter.owned(("i", "answered")) == 3
    assert dict(counter.items()) == {("1",): 5, ("2",): 2}
    counter.settle(("i", "answered"))
    assert list(counter.owners()) == [("j", "answered")]
    assert counter.owned(("i", "answered")) == 0
    assert dict(counter.items()) == {("1",): 5, ("2",): 2}
    next(counter.part(("i", "answered"), ("1",)))
    assert (counter.owned(("i", "answered")), counter.total()) == (1, 8)


def test_owners_count_beyond_the_cap_as_well() -> None:
    """What is added up under `other` is still told apart by owner."""
    counter = metrics.Counter("x_total", ("a",))
    for number in range(metrics.MAX_SERIES + 10):
        next(counter.part(("i", "answered" if number % 2 else "failed"), (str(number),)))
    assert counter.owned(("i", "answered")) == metrics.MAX_SERIES // 2 + 5
    assert dict(counter.items())[("other",)] == 10


def test_the_page_is_prometheus_text() -> None:
    """Quotes, backslashes and line ends are escaped."""
    counter = metrics.Counter("x_total", ("a",))
    counter.add(('q"\\\n',))
    page = metrics.exposition([counter], {"meshrun_inflight": 2.0})
    assert page == (
        '# TYPE x_total counter\nx_total{a="q\\"\\\\\\n"} 1\n# TYPE meshrun_inflight gauge\nmeshrun_inflight 2\n'
    )
