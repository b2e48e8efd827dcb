"""The index of a service's route rules: quicker than a scan, and the same."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

from hypothesis import given, settings
from hypothesis import strategies as st

from meshrun.core.match import Facts, holds
from meshrun.core.rules import Condition, Destination, RouteRule, RouteTable, Source, When


class Known(Facts):
    """Facts from a table, which counts the look-ups."""

    def __init__(self, values: Mapping[Tuple[str, str], str]) -> None:
        self.values, self.asked = values, 0

    def get(self, kind: str, key: str) -> Optional[str]:
        self.asked += 1
        return self.values.get((kind, key))


def rule(number: int, when: When) -> RouteRule:
    return RouteRule("r", number, when, (Destination((), 1),), "any", "request")


SOURCES = [Source("header", "x-a"), Source("header", "x-b"), Source("path", ""), Source("query", "q")]
VALUES = st.sampled_from(["", "a", "b", "c"])
CONDITIONS = st.builds(
    lambda source, test: Condition(source, *test),
    st.sampled_from(SOURCES),
    st.one_of(
        st.tuples(st.sampled_from(["exact", "not", "prefix"]), VALUES),
        st.tuples(st.sampled_from(["in", "not_in"]), st.frozensets(VALUES, min_size=1)),
        st.tuples(st.just("present"), st.booleans()),
    ),
)
WHENS = st.lists(st.lists(CONDITIONS, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple)
FACTS = st.dictionaries(st.sampled_from([(source.kind, source.key) for source in SOURCES]), VALUES)


@settings(max_examples=150)
@given(st.lists(WHENS, max_size=12), FACTS)
def test_the_candidates_that_hold_are_those_of_a_scan(whens: List[When], values: Dict[Tuple[str, str], str]) -> None:
    table = RouteTable([rule(number, when) for number, when in enumerate(whens)])
    facts = Known(values)
    found = [one for one in table.candidates(facts) if holds(one.when, facts)]
    assert found == [one for one in table.rules if holds(one.when, facts)]


def test_a_thousand_exact_rules_on_one_header_cost_one_look_up() -> None:
    whens: List[When] = [((Condition(SOURCES[0], "exact", str(number)),),) for number in range(1000)]
    table = RouteTable([rule(number, when) for number, when in enumerate(whens)])
    facts = Known({("header", "x-a"): "777"})
    assert [one.number for one in table.candidates(facts)] == [777]
    assert facts.asked == 1
    assert list(table.candidates(Known({}))) == []


def test_rules_with_several_exact_conditions_lie_under_the_source_that_most_share() -> None:
    whens: List[When] = [
        ((Condition(Source("header", "only-%d" % number), "exact", "1"), Condition(SOURCES[0], "exact", str(number))),)
        for number in range(100)
    ]
    table = RouteTable([rule(number, when) for number, when in enumerate(whens)])
    facts = Known({("header", "x-a"): "5"})
    assert [one.number for one in table.candidates(facts)] == [5]
    assert facts.asked == 1


def test_rules_that_cannot_be_indexed_keep_their_place() -> None:
    exact = Condition(SOURCES[0], "exact", "a")
    whens: List[When] = [((),), ((exact,),), ((Condition(SOURCES[2], "prefix", "/"),), (exact,)), ((exact,), (exact,))]
    table = RouteTable([rule(number, when) for number, when in enumerate(whens)])
    assert [one.number for one in table.candidates(Known({("header", "x-a"): "a"}))] == [0, 1, 2, 3]
    assert [one.number for one in table.candidates(Known({("header", "x-a"): "b"}))] == [0, 2]
