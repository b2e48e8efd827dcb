"""Who may ask the admin API on TCP: whoever has the token, and asks this machine by a name of its own."""

from __future__ import annotations

from typing import Optional

import pytest

from meshrun.core.asked import head
from meshrun.runtime.network import stranger

TOKEN = "t\u00f6ken-1234"


def status(*lines: str, address: str = "127.0.0.9:55200") -> Optional[int]:
    """The status of the refusal; None: it is answered."""
    found = head("\r\n".join(["GET /status HTTP/1.1", *lines, "", ""]).encode("utf-8"))
    assert found is not None
    refused = stranger(address, TOKEN)(found)
    return refused.status if refused is not None else None


BEARER = "Authorization: Bearer " + TOKEN


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:55200", "[::1]", "[::1]:9", "127.0.0.9:55200"]
)
def test_this_machine_is_asked_by_its_own_names(host: str) -> None:
    assert status("Host: " + host, BEARER) is None
    assert status("Host: " + host, BEARER.replace("Bearer ", "bearer  ")) is None


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Host:",),
        ("Host: evil.example",),
        ("Host: evil.example:55200",),
        ("Host: localhost.evil.example",),
        ("Host: localhost:55200@evil.example",),
        ("Host: localhost:x",),
        ("Host: 10.0.0.1:55200",),
        ("Host: localhost", "Host: evil.example"),
    ],
)
def test_no_other_name_reaches_it_even_with_the_token(lines: object) -> None:
    assert isinstance(lines, tuple)
    assert status(*lines, BEARER) == 403


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Authorization:",),
        ("Authorization: Bearer",),
        ("Authorization: Bearer x",),
        ("Authorization: " + TOKEN,),
        ("Authorization: Basic " + TOKEN,),
        (BEARER + "x",),
        (BEARER[:-1],),
        (BEARER, "Authorization: Bearer x"),
        ("Cookie: token=" + TOKEN,),
    ],
)
def test_nobody_asks_without_the_token(lines: object) -> None:
    assert isinstance(lines, tuple)
    assert status("Host: localhost", *lines) == 401


def test_the_own_address_may_be_of_the_newer_family() -> None:
    assert status("Host: [::1]:55200", BEARER, address="[::1]:55200") is None
