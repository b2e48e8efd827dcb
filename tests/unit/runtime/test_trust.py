"""Whose incoming colour counts."""

from __future__ import annotations

from typing import Optional

import pytest

from meshrun.core.settings import resolve
from meshrun.runtime import trust


@pytest.mark.parametrize(
    ("setting", "entry", "peer", "counts"),
    [
        (None, False, "203.0.113.9", True),
        (None, True, "10.0.0.1", False),
        ("all", True, "203.0.113.9", True),
        ("none", False, "127.0.0.1", False),
        ("10.0.0.0/8, 127.0.0.1", False, "10.1.2.3", True),
        ("10.0.0.0/8", False, "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", False, "203.0.113.9", False),
        ("10.0.0.0/8", False, None, False),
        ("10.0.0.0/33", False, "10.0.0.1", False),
        ("10.0.0.0/255.0.0.0", False, "10.1.2.3", True),
        ("10.1.2.3/8", False, "10.200.0.1", True),
        ("0.0.0.0/0", False, "203.0.113.9", True),
        ("0.0.0.0/0", False, "2001:db8::1", False),
        ("::/0", False, "2001:db8::1", True),
        ("::/0", False, "203.0.113.9", False),
        ("fd00::/8,::1", False, "FD12:0:0::1", True),
        ("fd00::/8,::1", False, "0:0:0:0:0:0:0:1", True),
        ("::ffff:10.0.0.0/104", False, "10.1.2.3", True),
        ("::ffff:10.0.0.0/104", False, "::ffff:10.1.2.3", True),
        ("::ffff:10.0.0.0/104", False, "11.1.2.3", False),
        ("fe80::/10", False, "fe80::1%eth0", True),
        ("10.0.0.0/8", False, "", False),
        ("10.0.0.0/8", False, "/run/web.sock", False),
        ("10.0.0.0/8", False, "testclient", False),
        ("10.0.0.0/8", False, "010.0.0.1", False),
        ("10.0.0.0/8", False, "10.0.0.1, 203.0.113.9", False),
        ("all,10.0.0.0/8", False, "10.0.0.1", False),
        ("10.0.0.0/8;11.0.0.0/8", False, "10.0.0.1", False),
        (",", False, "10.0.0.1", False),
        (" ", False, "10.0.0.1", True),
        (" ", True, "10.0.0.1", False),
        (" ALL ", True, "10.0.0.1", True),
        ("None", False, "10.0.0.1", False),
    ],
)
def test_trust(setting: Optional[str], entry: bool, peer: Optional[str], counts: bool) -> None:
    """The default trusts all, an entry trusts nobody, a list trusts its networks, a broken list nobody."""
    assert trust.reader(setting, entry=entry)(peer) is counts


def test_an_entry_that_cannot_be_read_is_one() -> None:
    """A typing error must not open the trust boundary, unless the other setting says whom to trust."""
    for environ, counts in (
        ({"MESHRUN_ENTRY": "maybe"}, False),
        ({"MESHRUN_ENTRY": "True "}, False),
        ({"MESHRUN_ENTRY": ""}, True),
        ({"MESHRUN_ENTRY": "maybe", "MESHRUN_TRUST": "all"}, True),
    ):
        assert trust.of(resolve(environ, {}))("203.0.113.9") is counts


def test_peers_are_remembered_within_bounds() -> None:
    """Whoever has an IPv6 network has 2**64 addresses."""
    known = trust.reader("fd00::/8", entry=False)
    for number in range(2 * trust.MAX_PEERS):
        assert known("2001:db8::%x" % number) is False
    [memo] = [cell.cell_contents for cell in known.__closure__ or () if isinstance(cell.cell_contents, dict)]
    assert len(memo) == trust.MAX_PEERS
