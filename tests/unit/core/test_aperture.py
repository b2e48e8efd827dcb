"""The arc and the window: even load from few connections."""

from __future__ import annotations

from typing import List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshrun.core.aperture import NARROW_FROM, WANTED, arc, offset, ring_position, window_size

PLACES = st.integers(NARROW_FROM, 400)


def load(alive: List[bool], callers: int, start: float) -> List[float]:
    """What each place gets if every caller of a fleet makes one unit of calls."""
    load = [0.0] * len(alive)
    for caller in range(callers):
        shares = arc(alive, (caller, callers), start)
        total = sum(share for _, share in shares)
        for position, share in shares:
            load[position] += share / total
    return load


@given(PLACES, st.integers(1, 60), st.floats(0, 1, exclude_max=True))
def test_every_place_gets_the_same_load_from_a_fleet(places: int, callers: int, start: float) -> None:
    even = callers / places
    assert load([True] * places, callers, start) == pytest.approx([even] * places, rel=1e-6)


@pytest.mark.parametrize(
    ("callers", "places", "most"), [(1, 100, 100), (20, 30, 11), (20, 300, 16), (100, 100, 9), (200, 1000, 11)]
)
def test_an_arc_has_no_more_members_than_it_needs(callers: int, places: int, most: int) -> None:
    """About max(8, places / callers), rounded up to whole callers, and one more for the second fractional end."""
    sizes = [len(arc([True] * places, (caller, callers), 0.123)) for caller in range(callers)]
    assert min(WANTED, places) <= max(sizes) <= most


@given(PLACES, st.floats(0, 1, exclude_max=True))
def test_a_caller_without_a_place_has_the_whole_ring_from_its_own_start(places: int, start: float) -> None:
    found = arc([True] * places, None, start)
    assert sorted(found) == [(position, 1.0) for position in range(places)]
    assert found[0][0] == int(start * places)
    assert [(found[0][0] + step) % places for step in range(places)] == [position for position, _ in found]


@given(st.lists(st.booleans(), min_size=NARROW_FROM, max_size=100), st.integers(1, 40), st.data())
def test_an_arc_has_only_living_places_and_is_half_alive_or_whole(
    alive: List[bool], callers: int, data: st.DataObject
) -> None:
    caller = data.draw(st.integers(0, callers - 1))
    found = arc(alive, (caller, callers), 0.3)
    assert all(alive[position] for position, _ in found)
    assert len({position for position, _ in found}) == len(found)
    assert all(0 < share <= 1 + 1e-9 for _, share in found)
    if sum(share for _, share in found) < WANTED / 2 - 1e-6:
        assert len(found) == sum(alive)


def test_a_place_that_is_dead_gives_its_share_to_the_rest_of_the_arcs_that_have_it() -> None:
    alive = [True] * 100
    alive[50] = False
    got = load(alive, 100, 0.0)
    assert got[50] == 0
    assert got[49] == pytest.approx(1 + 1 / 8, rel=0.1)
    assert got[0] == pytest.approx(1.0)


def test_a_replacement_in_the_same_slot_opens_one_place_per_arc() -> None:
    """With the vacancy kept, nothing but the replaced place changes."""
    whole = {position for position, _ in arc([True] * 100, (3, 20), 0.7)}
    gone = {position for position, _ in arc([at != min(whole) for at in range(100)], (3, 20), 0.7)}
    assert gone == whole - {min(whole)}


def test_ring_positions_are_pinned_and_spread() -> None:
    """Processes of any version must agree on the order; neighbouring slots do not stand side by side."""
    assert [ring_position(slot) for slot in (0, 1)] == [0xE220A8397B1DCDAF, 0x910A2DEC89025CC1]
    order = sorted(range(1000), key=ring_position)
    assert sum(abs(one - other) == 1 for one, other in zip(order, order[1:])) < 10


def test_offsets_are_pinned_and_differ_by_service() -> None:
    found = [offset("shop/service-%d" % number) for number in range(1000)]
    assert all(0 <= one < 1 for one in found)
    assert sum(one < 0.5 for one in found) == pytest.approx(500, abs=80)
    assert offset("shop/web") == offset("shop/web")


@pytest.mark.parametrize(
    ("members", "peak", "cap", "narrow", "size"),
    [
        (100, 0, None, True, 8),
        (100, 4, None, True, 8),
        (100, 16, None, True, 32),
        (10, 99, None, True, 10),
        (100, 16, 5, True, 5),
        (100, 16, 0, True, 2),
        (12, 0, None, False, 12),
        (12, 0, 5, False, 5),
        (1, 0, 0, False, 1),
    ],
)
def test_the_window(members: int, peak: int, cap: Optional[int], narrow: bool, size: int) -> None:
    assert window_size(members, peak, cap, narrow=narrow) == size


def test_arcs_of_one_caller_overlap_when_the_ring_grows() -> None:
    """One more endpoint moves an arc's ends by less than two places."""
    before: List[Tuple[int, float]] = arc([True] * 300, (7, 20), 0.25)
    after = arc([True] * 301, (7, 20), 0.25)
    assert len({position for position, _ in before} & {position for position, _ in after}) >= len(before) - 2
