"""Times in rules."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshrun.core.instant import epoch, written

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 -- bounds are naive


@given(MOMENTS)
def test_a_written_time_is_the_moment_that_it_names(moment: datetime) -> None:
    seconds = epoch(moment.isoformat())
    assert seconds is not None
    assert seconds == int(moment.replace(microsecond=0).timestamp())
    assert epoch(written(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("2027-01-01T00:00:00Z", 1798761600),
        ("2027-01-01t02:00+02:00", 1798761600),
        ("2027-01-01 00:00:00.999 z", 1798761600),
    ],
)
def test_the_forms_that_are_read(text: str, seconds: int) -> None:
    assert epoch(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "2027", "2027-13-01", "2027-02-29", "2027-01-01T24:00:00Z", "2027-01-01T00:00:00", "1969-12-31", "٢٠٢٧-01-01"],
)
def test_what_is_no_moment(text: str) -> None:
    assert epoch(text) is None
