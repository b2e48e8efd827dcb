"""Calls stay in the caller's zone while it holds enough of the living weight."""

from __future__ import annotations

from typing import List, Optional

import pytest

from meshrun.core.model import Instance
from meshrun.core.zone import share


def set_of(zones: List[Optional[str]]) -> List[Instance]:
    return [
        Instance("i%d" % at, "default/a", "10.0.0.1", at, tags={} if zone is None else {"zone": zone})
        for at, zone in enumerate(zones)
    ]


@pytest.mark.parametrize(
    ("zones", "weights", "enough"),
    [
        (["a", "b"], [100, 100], True),
        (["a", "b", "b"], [100, 100, 100], False),  # a third held, 36 percent needed
        (["a", "b", "b"], [113, 100, 100], True),
        (["a", "a", "a", "b", "b", "b", "b"], [1] * 7, True),  # one of four is gone
        (["a", "b", "b", "b", "b"], [1] * 5, False),  # three of four are gone
        (["a", "b", "c", "c"], [1, 1, 1, 1], True),  # a quarter held, 24 percent needed
        (["b", "b"], [1, 1], False),
        (["a", None], [1, 1], True),
        (["a"], [1], True),
        ([], [], False),
    ],
)
def test_enough(zones: List[Optional[str]], weights: List[float], enough: object) -> None:
    assert share(set_of(zones), weights, "a").enough is enough


def test_a_set_without_other_zones_is_not_narrowed() -> None:
    assert not share(set_of(["a", "a"]), [1, 1], "a").outside
    assert not share(set_of([]), [], "a").inside
