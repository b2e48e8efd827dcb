"""Which headers are carried, and with which bytes."""

from __future__ import annotations

import pytest

from meshrun.core.rules import RESERVED
from meshrun.runtime.headers import OWN, Headers


def make(*carry: str) -> Headers:
    return Headers(("baggage",), ("baggage",), carry, RESERVED)


@pytest.mark.parametrize("value", ["\u5f20\u4e09", "Zo\u00eb", "plain", "a\tb"])
def test_text_is_carried_byte_for_byte(value: str) -> None:
    """One letter per byte, as servers hand headers over; UTF-8 has bytes that are no printable Latin-1."""
    wire = value.encode("utf-8")
    for given in (wire, wire.decode("latin-1")):
        assert make("x-user").incoming([("x-user", given)]).carried == (("x-user", wire.decode("latin-1")),)


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_header_that_belongs_to_one_message_is_never_carried(name: str) -> None:
    for setting in (name, name[:1] + "*", name.upper()):
        assert make(setting).incoming([(name, "1")]).carried == ()
