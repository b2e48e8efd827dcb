"""Between headers and colour."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Dict, Sequence

import pytest

from meshrun import hook
from meshrun.core.rules import RESERVED
from meshrun.runtime.headers import MAX_VIEWS, VIEWS, Headers
from meshrun.runtime.names import MAX_KNOWN, MAX_LEARNT

GRAY = (("lane", "gray"),)
TRANSITIVE = "X-Polaris-Metadata-Transitive-"


def make(carry: Sequence[str] = (), read: Sequence[str] = ("polaris", "baggage")) -> Headers:
    """A process's wire side."""
    return Headers(read, ("baggage", "polaris"), carry, RESERVED)


@pytest.mark.parametrize("spelling", ["baggage", "Baggage", "BAGGAGE", b"baggage", b"Baggage"])
def test_reads_a_colour_in_any_spelling(spelling: Any) -> None:
    """Servers spell header names as text or bytes, in any case."""
    other: Any = b"Host" if isinstance(spelling, bytes) else "Host"
    value: Any = b"lane=gray" if isinstance(spelling, bytes) else "lane=gray"
    found = make().incoming([(other, other), (spelling, value)])
    assert found.colour == GRAY
    assert found.mesh


def test_the_first_dialect_in_the_order_wins_and_the_conflict_is_counted() -> None:
    """For each key the first dialect in MESHRUN_WIRE_READ that has it."""
    headers = [("baggage", "lane=gray,featureenv=v1"), (TRANSITIVE + "lane", "blue")]
    found = make().incoming(headers)
    assert found.colour == (("featureenv", "v1"), ("lane", "blue"))
    assert found.conflicts == 1
    assert make(read=("baggage", "polaris")).incoming(headers).colour == (("featureenv", "v1"), ("lane", "gray"))


@pytest.mark.parametrize("bad", ["gräy", "a\r\nX-Evil: 1", "x" * 65, "", " "])
def test_a_malformed_value_is_dropped_and_counted(bad: str) -> None:
    """Nothing is raised, nothing malformed is carried on."""
    found = make().incoming([(TRANSITIVE + "lane", bad)])
    assert found.colour == ()
    assert found.dropped == 1


def test_a_thousand_members_and_a_megabyte_cost_no_memory() -> None:
    """Bounded: at most 16 pairs come out."""
    many = [(TRANSITIVE + "k%d" % n, "v") for n in range(1000)]
    found = make().incoming([*many, ("baggage", "x=" + "1" * 1_000_000)])
    assert len(found.colour) == 16


def test_an_uncoloured_call_gets_one_header() -> None:
    """X-Meshrun-Caller is the one addition."""
    assert make().outgoing((), (), "web.default", ()) == (("X-Meshrun-Caller", "web.default"),)


def test_a_coloured_call_gets_its_dialects() -> None:
    """Both defaults are written."""
    out = dict(make().outgoing(GRAY, (), "web.default", ()))
    assert out == {"X-Meshrun-Caller": "web.default", "baggage": "lane=gray", TRANSITIVE + "lane": "gray"}


@pytest.mark.parametrize("as_pairs", [True, False])
def test_what_the_app_set_itself_wins(as_pairs: bool) -> None:
    """Single-purpose headers stay, shared ones are merged; an app that forwards all headers doubles nothing."""
    own = {"BAGGAGE": "userId=7", "x-meshrun-caller": "front.default", TRANSITIVE.lower() + "lane": "blue"}
    headers: Any = list(own.items()) if as_pairs else own
    wire = make()
    out = wire.outgoing(GRAY, (), "web.default", wire.present(headers))
    assert out == (("baggage", "userId=7,lane=gray"),)
    assert own["BAGGAGE"] == "userId=7"


def test_carried_headers_go_on_unchanged_and_bounded() -> None:
    """Names or prefixes, at most 8 and 1 KiB; the app's own header of that name wins."""
    headers = make(carry=("X-Tenant", "x-debug-*"))
    found = headers.incoming([("x-tenant", "t1"), ("X-Debug-A", "1"), ("X-Other", "2")])
    assert found.carried == (("x-tenant", "t1"), ("x-debug-a", "1"))
    out = headers.outgoing((), found.carried, "-", headers.present({"X-Tenant": "own"}))
    assert out == (("X-Meshrun-Caller", "-"), ("x-debug-a", "1"))
    many = headers.incoming([("x-debug-%d" % n, "v") for n in range(20)])
    assert len(many.carried) == 8
    assert headers.incoming([("x-tenant", "t" * 2000)]).carried == ()


def test_a_carried_header_with_control_characters_is_not_carried() -> None:
    """No header can be smuggled into the next call."""
    assert make(carry=("x-tenant",)).incoming([("x-tenant", "a\r\nX-Evil: 1")]).carried == ()


def test_the_memo_of_names_is_bounded() -> None:
    """Names come from outside; they must not fill the memory, in number or by their length."""
    headers = make()
    for batch in range(300):
        headers.incoming([("x-random-%d-%d" % (batch, n), "v") for n in range(100)])
    [known, _] = [found.known for found in headers._incoming]
    assert len(known) == MAX_KNOWN
    headers.present([("x-random-%d" % n, "v") for n in range(10_000)])
    assert len(headers.names) == MAX_KNOWN
    fresh = make(carry=("x-*",))
    for n in range(100):
        fresh.incoming([(TRANSITIVE + "%d" % n + "x" * 10_000, "v"), ("x-%d" % n + "x" * 10_000, "v")])
        assert fresh.present([("x-%d" % n + "x" * 10_000, "v")]) == []
    assert len(fresh._incoming[0].known) == len(fresh.names) == 0


def test_the_names_of_a_class_of_headers_are_seen_by_the_view_that_its_hook_gave() -> None:
    """Before and after the class is known, in any case, and whatever came first."""

    class Cased(Dict[str, str]):
        def __init__(self, **given: str) -> None:
            super().__init__(given)
            self.lower = {name.lower(): value for name, value in given.items()}

    wire, before = make(), dict(VIEWS)
    try:
        assert wire.present(Cased(Accept="*/*")) == ()
        hook.view(Cased, attrgetter("lower"))
        for _ in range(2):
            assert wire.present(Cased(Accept="*/*")) == ()
            assert wire.present(Cased(Accept="*/*", Baggage="a=b")) == [("baggage", "a=b")]
        for number in range(2 * MAX_VIEWS):
            assert wire.present(type("Kind%d" % number, (dict,), {})(Accept="*/*")) == ()
        assert len(VIEWS) == MAX_VIEWS
    finally:
        VIEWS.clear()
        VIEWS.update(before)


def test_a_request_teaches_few_names() -> None:
    """Random names of one sender do not push out those of honest ones."""
    headers = make()
    headers.incoming([("x-random-%d" % n, "v") for n in range(100)])
    assert len(headers._incoming[0].known) == MAX_LEARNT


@pytest.mark.parametrize("known", [False, True])
def test_a_crowd_of_free_keys_does_not_push_out_the_lane(known: bool) -> None:
    """Of a request with more headers than an honest one has, those that we expect are read wherever they stand."""
    headers = make(carry=("x-tenant",))
    crowd = [(TRANSITIVE + "k%02d" % n, "v") for n in range(90)]
    if known:
        for n in range(0, 90, 10):
            headers.incoming(crowd[n : n + 10])
    last = [(TRANSITIVE + "Lane", "gray"), ("x-tenant", "t1"), ("X-Meshrun-Caller", "front.shop")]
    found = headers.incoming(crowd + last)
    assert dict(found.colour)["lane"] == "gray"
    assert (len(found.colour), found.carried, found.caller) == (16, (("x-tenant", "t1"),), "front.shop")


def test_the_largest_honest_request_is_read_whole() -> None:
    """Sixteen pairs by the pair, some of them in baggage too, eight carried headers and the caller."""
    headers = make(carry=("x-debug-*",))
    pairs = [(TRANSITIVE + "k%02d" % n, "v") for n in range(15)] + [(TRANSITIVE + "lane", "gray")]
    carried = [("x-debug-%d" % n, "v") for n in range(8)]
    found = headers.incoming([*pairs, ("baggage", "lane=gray"), ("X-Meshrun-Caller", "a.b"), *carried])
    assert (len(found.colour), found.carried, found.caller) == (16, tuple(carried), "a.b")
    assert (found.dropped, found.conflicts) == (0, 0)


def test_lines_of_a_shared_header_are_read_as_one() -> None:
    """A proxy may split or join them (RFC 9110, 5.3); the first value counts."""
    found = make().incoming([("baggage", "a=1"), ("baggage", "lane=gray,b=2"), ("baggage", "lane=blue")])
    assert (found.colour, found.conflicts) == (GRAY, 1)
    many = [("baggage", "k%d=%s" % (n, "v" * 90)) for n in range(99)]
    assert make().incoming([*many, ("baggage", "lane=gray")]).colour == ()


def test_what_is_handed_on_of_a_request_that_does_not_count_is_no_colour() -> None:
    """Ours stands in its place; an empty value where we have none; the members of others stay."""
    wire = make()
    own = [("Baggage", "userId=7,lane=gray"), (TRANSITIVE + "lane", "gray"), ("X-Meshrun-Caller", "me"), ("X-A", "1")]
    present = wire.present(own)
    assert dict(wire.outgoing((), (), "web.default", present, trusted=False)) == {
        "X-Meshrun-Caller": "web.default", "baggage": "userId=7", TRANSITIVE.lower() + "lane": "",
    }  # fmt: skip
    assert dict(wire.outgoing((("lane", "blue"),), (), "web.default", present, trusted=False)) == {
        "X-Meshrun-Caller": "web.default", "baggage": "userId=7,lane=blue", TRANSITIVE + "lane": "blue",
    }  # fmt: skip
    plain = wire.present([("Baggage", "userId=7")])
    assert wire.outgoing((), (), "-", plain, trusted=False) == (("X-Meshrun-Caller", "-"),)
