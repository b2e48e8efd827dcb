"""What each dialect reads and writes."""

from __future__ import annotations

import pytest

from meshrun.wire import DIALECTS, chosen

KEYS = frozenset(("lane", "featureenv"))
BAGGAGE, POLARIS = DIALECTS["baggage"], DIALECTS["polaris"]


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("lane=gray", [("lane", "gray")]),
        ("userId=7, lane = gray ;ttl=1,isProduction=false", [("lane", "gray")]),
        ("LANE=gr%61y", [("lane", "gray")]),
        ("lane", []),
        ("", []),
        ("lane=a,lane=b", [("lane", "a"), ("lane", "b")]),
    ],
)
def test_baggage_reads_only_colour_members(value: str, pairs: object) -> None:
    """Members of others are not colour; names fold, values are percent-decoded, properties are cut."""
    assert list(BAGGAGE.read("", value, KEYS)) == pairs


def test_baggage_looks_at_64_members_and_8192_bytes() -> None:
    """A header of any size costs a bounded look."""
    assert list(BAGGAGE.read("", ",".join(["x=1"] * 1000 + ["lane=gray"]), KEYS)) == []
    assert list(BAGGAGE.read("", "x=" + "1" * 1_000_000 + ",lane=gray", KEYS)) == []


def test_a_member_that_the_limit_cuts_in_two_is_not_read() -> None:
    """Half a name of a lane could be the name of another."""
    for cut in range(1, 9):
        value = "x=" + "1" * (8192 - 3 - len("lane=gray") + cut) + ",lane=gray"
        assert list(BAGGAGE.read("", value, KEYS)) == []
    assert list(BAGGAGE.read("", "x=" + "1" * (8192 - 3 - len("lane=gray")) + ",lane=gray", KEYS)) == [("lane", "gray")]


def test_baggage_decodes_only_so_much() -> None:
    """Quoted letters cost more to read than to send; what is left quoted is no valid word."""
    assert list(BAGGAGE.read("", "lane=" + "%61" * 64, KEYS)) == [("lane", "a" * 64)]
    read = list(BAGGAGE.read("", ",".join(["lane=" + "%61" * 40] * 10), KEYS))
    assert sum("%" not in word for _, word in read) == 2


def test_baggage_stands_in_front_where_a_reader_would_not_look_any_more() -> None:
    """Behind 64 members or 8,192 bytes of the app's own nobody would find it."""
    for own in (",".join("k%d=v" % number for number in range(64)), "x=" + "1" * 8190):
        [(_, written)] = BAGGAGE.write((("lane", "gray"),), KEYS, [("baggage", own)])
        assert written == "lane=gray," + own
        assert ("lane", "gray") in list(BAGGAGE.read("", written, KEYS))


def test_what_is_left_of_a_header_without_its_colour() -> None:
    """For an app that hands on what a stranger sent: the members of others stay byte for byte."""
    assert BAGGAGE.cleared("userId=7 ; a=b,Lane=gray;x, featureenv = v1,  z=%20", KEYS) == "userId=7 ; a=b,  z=%20"
    assert BAGGAGE.cleared("lane=gray", KEYS) == ""
    assert POLARIS.cleared("gray", KEYS) == ""


def test_baggage_keeps_the_members_of_others_byte_for_byte() -> None:
    """The app's or a tracer's members come first and unchanged."""
    present = [("baggage", "userId=7 ; a=b,  x=%20")]
    assert BAGGAGE.write((("lane", "gray"),), KEYS, present) == [("baggage", "userId=7 ; a=b,  x=%20,lane=gray")]


def test_baggage_member_of_the_app_wins() -> None:
    """What the app wrote about our key stays."""
    assert BAGGAGE.write((("lane", "gray"),), KEYS, [("baggage", "Lane=blue")]) == []


def test_baggage_writes_only_the_keys_that_are_shared() -> None:
    """A colour key that nobody configured does not enter a header that tracers read."""
    assert BAGGAGE.write((("lane", "gray"), ("private", "1")), KEYS, ()) == [("baggage", "lane=gray")]
    assert BAGGAGE.write((("private", "1"),), KEYS, ()) == []


def test_polaris_has_one_header_for_each_key() -> None:
    """The rest of the name is the key."""
    token = POLARIS.recognise("x-polaris-metadata-transitive-featureenv")
    assert token == "featureenv"
    assert list(POLARIS.read(token, " v2 ", KEYS)) == [("featureenv", "v2")]
    assert POLARIS.recognise("x-polaris-metadata-transitive-") is None
    written = POLARIS.write((("a", "1"), ("b", "2")), KEYS, [("x-polaris-metadata-transitive-a", "9")])
    assert written == [("X-Polaris-Metadata-Transitive-b", "2")]


def test_names_of_dialects_that_are_only_designed_are_skipped() -> None:
    """The default list may name them; a name that nobody knows is answered to be warned about."""
    known, unknown = chosen(("polaris", "sct", "typo", "baggage"))
    assert known == (POLARIS, BAGGAGE)
    assert unknown == ("typo",)
