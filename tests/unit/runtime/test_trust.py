"""Whose incoming colour counts."""

from __future__ import annotations

from typing import Optional

import pytest

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
    ],
)
def test_trust(setting: Optional[str], entry: bool, peer: Optional[str], counts: bool) -> None:
    """The default trusts all, an entry trusts nobody, a list trusts its networks, a broken list nobody."""
    assert trust.reader(setting, entry=entry)(peer) is counts
