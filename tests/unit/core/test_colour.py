"""What counts as a colour, whatever comes in from outside."""

from __future__ import annotations

import string
from typing import List, Tuple

from hypothesis import given
from hypothesis import strategies as st

from meshrun.core.colour import MOST_BYTES, MOST_PAIRS, clean, merge, routing
from meshrun.core.model import Pairs

WORDS = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=64)
COLOURS = st.dictionaries(WORDS.map(str.lower), WORDS, max_size=20).map(lambda found: clean(found.items())[0])


def test_keys_fold_and_values_keep_their_case() -> None:
    assert clean([("LANE", "Gray")]) == ((("lane", "Gray"),), 0)


def test_the_first_of_a_key_wins_and_only_a_different_one_is_counted() -> None:
    assert clean([("lane", "a"), ("Lane", "a"), ("lane", "b")]) == ((("lane", "a"),), 1)


def test_what_is_not_a_word_is_dropped_and_counted() -> None:
    bad = [
        ("", "a"),
        ("a", ""),
        ("a b", "c"),
        ("k", "v\r\nX: y"),
        ("k\n", "v"),
        ("k", "v\n"),
        ("ключ", "v"),
        ("k", "ü"),
    ]
    bad += [("k" * 65, "v"), ("k", "v" * 65), ("k", "\u0661")]
    assert clean(bad) == ((), len(bad))


def test_64_characters_are_allowed() -> None:
    assert clean([("k" * 64, "v" * 64)]) == ((("k" * 64, "v" * 64),), 0)


def test_a_thousand_pairs_leave_sixteen_and_the_reserved_ones_are_among_them() -> None:
    colour, dropped = clean([("k%d" % number, "v") for number in range(1000)] + [("lane", "gray")])
    assert len(colour) == MOST_PAIRS
    assert ("lane", "gray") in colour
    assert dropped == 1001 - MOST_PAIRS


def test_512_bytes_are_the_limit() -> None:
    colour, dropped = clean([("k%d" % number, "v" * 62) for number in range(9)])
    assert (len(colour), dropped) == (8, 1)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=40))
def test_any_input_gives_a_valid_colour(pairs: List[Tuple[str, str]]) -> None:
    colour, dropped = clean(pairs)
    assert clean(colour) == (colour, 0)
    assert list(colour) == sorted(dict(colour).items())
    assert len(colour) + dropped <= len(pairs)


@given(COLOURS, COLOURS)
def test_a_merge_is_a_colour_that_keeps_the_first_whole(first: Pairs, second: Pairs) -> None:
    merged = merge(first, second)
    assert set(first) <= set(merged)
    assert clean(merged) == (merged, 0)
    assert sum(len(key) + len(value) for key, value in merged) <= MOST_BYTES


def test_the_first_wins_where_both_have_a_key() -> None:
    assert merge((("lane", "a"),), (("lane", "b"), ("user", "7"))) == (("lane", "a"), ("user", "7"))


def test_the_routing_part_has_the_reserved_keys_only() -> None:
    assert routing((("lane", "a"), ("user", "7")), frozenset(["lane", "stage"])) == (("lane", "a"),)
