"""The subset of regular expressions that cannot blow up."""

from __future__ import annotations

import re
import sys
import warnings
from importlib import import_module
from typing import Any, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshrun.core import charset
from meshrun.core.regex import refusal

PARSER = import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
MAX_STEPS = 500_000

GOOD = [
    "",
    "v1",
    "v[0-9]+",
    r"\d+(\.\d+)*",
    ".*foo.*",
    r".*@example\.com",
    r"/api/v\d+/.*",
    "(?:/[a-z0-9]+)*",
    "(GET|POST|PUT)",
    "foo|foobar|fo",
    "(?i)gray-[a-z]+",
    r"\w+\s+\w+",
    "[^/]+/[^/]+",
    "^v1$",
    "a{3}b{2,5}c?",
    "(?P<name>x)y",
    "((((((a,)+b)+c)+d)+e)+f)+",
    "[é-ü]+-[0-9]*",
]
NESTED, SIDE, AROUND, BACK = "inside of a repeat", "side by side", "look-ahead", "back-references"
BAD = [
    ("(a+)+", NESTED),
    ("(a*)*", NESTED),
    ("(a|aa)+", NESTED),
    ("(a|b|ab)*c", NESTED),
    ("(.*)*x", NESTED),
    (r"(\w+\s?)*", NESTED),
    ("(x+x+)+y", NESTED),
    ("(a?){30}a{30}", NESTED),
    ("(a{0,100}){0,100}", NESTED),
    ("(?i)(kx|\u212ax)*", NESTED),
    (".*.*", SIDE),
    ("a*a*", SIDE),
    (r"\d+\.?\d*", SIDE),
    (r"[a-z]*(?:\w+)", SIDE),
    ("(?:[^a]*|x)b*", SIDE),
    (r"(?:[a-z]+\.)*[a-z]+", SIDE),
    (".*a.*b.*c", "too many ways"),
    ("(a|aa){1}" * 20, "too many ways"),
    ("(?=a)b", AROUND),
    ("(?!a)b", AROUND),
    ("(?<=a)b", AROUND),
    (r"(a)\1", BACK),
    ("(?P<n>a)(?P=n)", BACK),
    ("(a)?(?(1)b|c)", BACK),
    ("(^)*", "may be empty"),
    ("(a|)*", ""),
    ("(", "not a regular expression"),
    ("a{99999999999}", "not a regular expression"),
    ("[[a]", "not a regular expression"),
    ("a(?i)b", "not a regular expression"),
    ("a++", ""),
    ("(?>a)", ""),
    ("(?x) a", "flags"),
    ("(?a:x)y", "flags"),
    ("(?L)a", ""),
    ("a" * 257, "256 characters"),
]


@pytest.mark.parametrize("pattern", GOOD)
def test_what_people_write_is_allowed(pattern: str) -> None:
    assert refusal(pattern) is None


@pytest.mark.parametrize(("pattern", "why"), BAD)
def test_what_could_blow_up_is_refused_with_its_reason(pattern: str, why: str) -> None:
    found = refusal(pattern)
    assert found is not None
    assert why in found


def test_deep_nesting_is_judged_at_once() -> None:
    assert refusal("(?:" * 40 + "a" + ",)+" * 40) is None
    assert refusal("(" * 80 + "a" + ")+" * 80) is not None


PIECES = st.sampled_from([*"ab.*+?|()[]^$\\{},-", "(?:", r"\w", r"\d", "{2,}", "{0,9}", "(?i)", "[a-b]", "[^a]", "é"])


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=12).map("".join)))
def test_any_pattern_is_judged_without_an_error_and_what_is_allowed_compiles(pattern: str) -> None:
    if refusal(pattern) is None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern)


def steps(pattern: str, text: str) -> int:
    """Work of a backtracking matcher, counted by a matcher that is one: positions tried for all prefixes."""
    budget = [0]

    def walk(items: Any, at: int) -> List[int]:
        ends = [at]
        for op, argument in items:
            ends = [end for start in ends for end in one(str(op), argument, start)]
        return ends

    def one(op: str, argument: Any, at: int) -> List[int]:
        budget[0] += 1
        assert budget[0] < MAX_STEPS, "blew up"
        if op == "AT":
            return [at]
        if op == "SUBPATTERN":
            return walk(list(argument[3]), at)
        if op == "BRANCH":
            return [end for branch in argument[1] for end in walk(list(branch), at)]
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, inner = argument
            return repeat(list(inner), int(low), int(high), at)
        bit = 1 << ord(text[at]) if at < len(text) else 0
        return [at + 1] if bit & charset.characters(op, argument, 0) else []

    def repeat(inner: Any, low: int, high: int, at: int) -> List[int]:
        ends, now, count = ([at] if low == 0 else []), [at], 0
        while now and count < high:
            now = [end for start in now for end in walk(inner, start)]
            count += 1
            ends += now if count >= low else []
        return ends

    walk(list(PARSER.parse(pattern)), 0)
    return budget[0]


@settings(max_examples=150)
@given(st.lists(PIECES, min_size=2, max_size=10).map("".join), st.text("ab", min_size=1, max_size=3))
def test_the_ways_through_an_allowed_pattern_are_bounded(pattern: str, unit: str) -> None:
    if refusal(pattern) is None and "(?i)" not in pattern:
        assert steps(pattern, unit * (64 // len(unit))) < MAX_STEPS


def test_the_count_of_ways_sees_what_blows_up() -> None:
    """The oracle of the property above is able to fail."""
    with pytest.raises(AssertionError, match="blew up"):
        steps("(a|aa)+b", "a" * 64)


CATEGORIES = st.sampled_from(
    [r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[^a-f]", "[^é]", "[^k]", "k", "é", "[a-zß]", r"[^\d]", "."]
)


@settings(max_examples=150)
@given(CATEGORIES, st.sampled_from(["", "(?i)"]), st.characters(blacklist_categories=["Cs"]))
def test_a_set_holds_every_character_that_it_matches(one: str, flag: str, character: str) -> None:
    """Sets may be too large, never too small: overlaps are then found."""
    tree = PARSER.parse(flag + one)
    ((op, argument),) = list(tree)
    mask = charset.characters(str(op), argument, tree.state.flags)
    if re.fullmatch(flag + one, character):
        literal = PARSER.parse(re.escape(character))
        ((name, code),) = list(literal)
        assert mask & charset.characters(str(name), code, 0)
